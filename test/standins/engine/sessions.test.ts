import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { checkStream } from '../../harness/check-stream.ts'
import {
  engineInProcess,
  type InProcessEngine,
  openStream,
  readBytes,
} from '../../harness/engine-in-process.ts'

interface Started {
  readonly playback: string
  readonly stat: string
  readonly stop: string
  readonly event: string
  readonly sessionId: string
}

async function start(
  engine: InProcessEngine,
  query: string,
  route = 'getstream',
): Promise<Started> {
  const { response } = await engine.json(`/ace/${route}?format=json&${query}`)
  const urls = response as Record<string, string>
  const path = (url: string | undefined) => new URL(url ?? 'http://none/').pathname
  return {
    playback: urls.playback_url ?? '',
    stat: path(urls.stat_url),
    stop: `${path(urls.command_url)}?method=stop`,
    event: path(urls.event_url),
    sessionId: urls.playback_session_id ?? '',
  }
}

const ended = (stream: IncomingMessage) => {
  stream.on('error', () => undefined).resume()
  return new Promise<void>((resolve) => stream.on('close', resolve))
}
const unknown = { response: null, error: 'unknown playback session id' }

test('pid rule: without a pid two starts of one content reuse the command URL and the session', async () => {
  await using engine = await engineInProcess()
  const [first, second] = [await start(engine, 'id=one'), await start(engine, 'id=one')]
  expect(second).toEqual(first)
  expect(first.stop).toContain('/f528764d624db129b32c21fbca0cb8d6?')
  expect((await engine.state()).counters).toMatchObject({ opened: 1, superseded: 0 })
})

test('pid rule: a player has one content, other players have others', async () => {
  await using engine = await engineInProcess()
  const first = await start(engine, 'id=one&pid=a')
  await start(engine, 'id=two&sid=b')
  expect((await engine.state()).sessions).toHaveLength(2)
  await start(engine, 'id=three&pid=a')
  expect((await engine.state()).sessions).toHaveLength(2)
  expect(await engine.json(first.stat)).toEqual(unknown)
})

test('[MEAS] 3.2.3: a second session of a content ends the first, whose list is 403 from then on', async () => {
  await using engine = await engineInProcess()
  const hls = await start(engine, 'id=one&pid=a', 'manifest.m3u8')
  const list = () => engine.get(new URL(hls.playback).pathname)
  expect(await list()).toMatchObject({ status: 200 })
  const first = await start(engine, 'id=one&pid=a')
  const reading = ended(await openStream(first.playback))
  const second = await start(engine, 'id=one&pid=b')
  await reading
  expect((await list()).status).toBe(403)
  expect(await engine.json(first.stat)).toEqual(unknown)
  expect(await engine.json(second.stat)).toMatchObject({ error: null })
  expect((await engine.state()).counters).toMatchObject({ opened: 2, superseded: 1 })
})

test('[MEAS] 3.2.3: progressive is one reader: a second gets two status lines, the first goes on', async () => {
  await using engine = await engineInProcess()
  const { playback } = await start(engine, 'id=one')
  const stream = await openStream(playback)
  const before = await readBytes(stream, 100_000)
  await expect(openStream(playback)).rejects.toMatchObject({ code: 'HPE_INVALID_HEADER_TOKEN' })
  const after = await readBytes(stream, 300_000)
  expect(checkStream(Buffer.concat([before, after])).problems).toEqual([])
  expect((await engine.state()).counters).toMatchObject({ corruptReplies: 1 })
})

test('The same API: on other builds a second reader of a stream ends the first', async () => {
  await using engine = await engineInProcess({ secondReader: 'ends-first' })
  const { playback } = await start(engine, 'id=one')
  const reading = ended(await openStream(playback))
  const second = await openStream(playback)
  await reading
  expect(checkStream(await readBytes(second, 500_000)).problems).toEqual([])
})

test('[MEAS] 3.2.11: players share a session under URLs of their own, and one’s stop freezes the other', async () => {
  await using engine = await engineInProcess({ second: 'shares', endsBy: 'freeze' })
  const [first, second] = [await start(engine, 'id=one&pid=a'), await start(engine, 'id=one&pid=b')]
  expect(second.stop).not.toBe(first.stop)
  expect(second.sessionId).toBe(first.sessionId)
  const streams = [await openStream(first.playback), await openStream(second.playback)]
  for (const stream of streams) await readBytes(stream, 10_000)
  await engine.json(first.stop)
  expect(await engine.json(second.stat)).toEqual(unknown)
  let bytes = 0
  streams[1]?.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  streams[1]?.resume()
  await drained(engine)
  const before = bytes
  await drained(engine)
  expect(bytes).toBe(before)
  expect(streams[1]?.readableEnded).toBe(false)
})

/** Longer than it takes to send what is under way, by the engine's own clock: another stream has gone on. */
async function drained(engine: InProcessEngine): Promise<void> {
  const { playback, stop } = await start(engine, 'id=clock&pid=clock')
  const stream = await openStream(playback)
  await readBytes(stream, 400_000)
  await engine.json(stop)
}

test('stop: the answer is ok, the reader is closed, and playback and list are 500', async () => {
  await using engine = await engineInProcess()
  const { playback, stop, stat } = await start(engine, 'id=one')
  const hls = await start(engine, 'id=one', 'manifest.m3u8')
  const reading = ended(await openStream(playback))
  expect(await engine.json(stop)).toEqual({ response: 'ok', error: null })
  await reading
  expect(await engine.json(stat)).toEqual(unknown)
  expect(await engine.json(stop)).toEqual(unknown)
  for (const url of [playback, hls.playback]) {
    expect((await engine.get(new URL(url).pathname)).status).toBe(500)
  }
  expect((await engine.state()).counters).toMatchObject({ stopped: 1, stopsUnknown: 1 })
})

test('stop: a session that nobody reads ends by itself, however often its stat is asked', async () => {
  await using engine = await engineInProcess({ idleMs: 300 })
  const { playback, stat } = await start(engine, 'id=one')
  const stream = await openStream(playback)
  await readBytes(stream, 300_000)
  expect((await engine.state()).counters).toMatchObject({ expired: 0 })
  stream.destroy()
  await expect.poll(() => engine.json(stat), { timeout: 10_000 }).toEqual(unknown)
  expect((await engine.state()).counters).toMatchObject({ expired: 1 })
})

test('stat: speeds are KB/s, sizes bytes, and all of livepos is strings', async () => {
  await using engine = await engineInProcess({ bitrate: 8_192_000 })
  const { playback, stat } = await start(engine, 'id=one')
  await readBytes(await openStream(playback), 500_000)
  const { response } = await engine.json(stat)
  expect(response).toMatchObject({
    status: 'dl',
    peers: 4,
    speed_down: 1000,
    speed_up: 100,
    total_progress: 0,
    disk_cache_stats: {},
    network_monitor_status: 0,
    selected_file_index: -1,
  })
  const { downloaded, livepos } = Object(response)
  expect(downloaded).toBeGreaterThanOrEqual(500_000)
  expect(Object.values(livepos).every((value) => typeof value === 'string')).toBe(true)
  expect(Number(livepos.pos)).toBeLessThan(Number(livepos.live_last))
})

test('Failure modes: stat hangs, fails, forgets, writes its speeds otherwise, or stands still', async () => {
  await using engine = await engineInProcess()
  const { stat } = await start(engine, 'id=one')
  await engine.setTraits({ stat: 'unknown' })
  expect(await engine.json(stat)).toEqual(unknown)
  await engine.setTraits({ stat: '500' })
  expect((await engine.get(stat)).status).toBe(500)
  await engine.setTraits({ stat: 'hangs' })
  await expect(engine.get(stat, 300)).rejects.toThrow()
  await engine.setTraits({ stat: 'normal', speeds: 'camel', livepos: 'frozen' })
  const { response } = await engine.json(stat)
  expect(response).toMatchObject({ speedDown: 244, speedUp: 24 })
  expect(response).not.toHaveProperty('speed_down')
  const { last } = Object(response).livepos
  await expect
    .poll(() => Math.floor(Date.now() / 1000), { timeout: 10_000 })
    .toBeGreaterThan(Number(last))
  expect(await engine.json(stat)).toMatchObject({ response: { livepos: { last } } })
})

test('Start: with use_stop_notifications the end of a session comes to who polls for it', async () => {
  await using engine = await engineInProcess()
  const { event, stop } = await start(engine, 'id=one&use_stop_notifications=1')
  const poll = engine.json(event)
  await engine.json(stop)
  expect(await poll).toEqual({
    response: { name: 'download_stopped', params: { reason: 'stopped' } },
    error: null,
  })
  expect(await engine.json(event)).toEqual(unknown)
})

test('[MEAS] 3.2.3: one list may be read by three clients, whose segments are the same', async () => {
  await using engine = await engineInProcess({ segments: 3 })
  const { playback } = await start(engine, 'id=one', 'manifest.m3u8')
  const read = async () => {
    const { body } = await engine.get(new URL(playback).pathname)
    const url = body.split('\n').findLast((line) => line.endsWith('.ts')) ?? ''
    const stream = await openStream(url)
    return readBytes(stream, Number(stream.headers['content-length']))
  }
  const [first, ...others] = await Promise.all([read(), read(), read()])
  expect(checkStream(first as Buffer)).toMatchObject({ problems: [], keyframes: 2 })
  for (const other of others) expect(other.length).toBe(first?.length)
  expect((await engine.get(`/ace/c/${'b2'.repeat(20)}/1.ts`)).status).toBe(404)
})
