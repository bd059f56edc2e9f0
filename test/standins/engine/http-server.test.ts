import { expect, test } from 'vitest'
import { checkStream } from '../../harness/check-stream.ts'
import { engineInProcess, openStream, readBytes } from '../../harness/engine-in-process.ts'
import type { EngineMode } from './mode.ts'

const version = '/webui/api/service?method=get_version'
const start = '/ace/getstream?id=one&format=json'

test('service: the version has a websocket port from 3.2.3 on', async () => {
  await using older = await engineInProcess()
  await using newer = await engineInProcess({}, { STANDIN_VERSION: '3.2.3' })
  expect((await older.json(version)).result).toEqual({
    code: 3_017_000,
    platform: 'linux',
    version: '3.1.70',
  })
  expect((await newer.json(version)).result).toMatchObject({ websocket_port: 62_063 })
})

test.for([
  [{ mode: '500' }, 500],
  [{ mode: '503' }, 503],
  [{ mode: 'garbage' }, 200],
] as const)('Failure modes: %j answers all with %i and no JSON', async ([mode, status]) => {
  await using engine = await engineInProcess()
  await engine.setMode(mode)
  for (const path of [version, start]) {
    const answer = await engine.get(path)
    expect(answer.status).toBe(status)
    expect(() => JSON.parse(answer.body)).toThrow()
  }
  await engine.setMode({ mode: 'normal' })
  expect(await engine.json(start)).toMatchObject({ error: null })
})

test('Failure modes: a hung engine answers nothing and freezes its streams; leaving it closes who waited', async () => {
  await using engine = await engineInProcess()
  const stream = await openStream(`${engine.url}/ace/getstream?id=one`)
  const before = await readBytes(stream, 300_000)
  await engine.setMode({ mode: 'hang' })
  const { sessions } = await engine.state()
  await expect(engine.get(version, 500)).rejects.toThrow()
  expect((await engine.state()).sessions).toEqual(sessions)
  const waiting = engine.get(version).catch((error: Error) => error)
  await engine.setMode({ mode: 'normal' })
  expect(await waiting).toBeInstanceOf(Error)
  const after = await readBytes(stream, 300_000)
  expect(checkStream(Buffer.concat([before, after])).problems).toEqual([])
})

test('Failure modes: a stalled engine says its version and nothing else', async () => {
  await using engine = await engineInProcess()
  await engine.setMode({ mode: 'stall' })
  expect(await engine.json(version)).toMatchObject({ error: null })
  await expect(engine.get(start, 300)).rejects.toThrow()
})

test('Failure modes: connections are reset, and running streams go on', async () => {
  await using engine = await engineInProcess()
  const stream = await openStream(`${engine.url}/ace/getstream?id=one`)
  await engine.setMode({ mode: 'reset' })
  await expect(engine.get(version)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } })
  expect(checkStream(await readBytes(stream, 500_000)).problems).toEqual([])
})

test('Failure modes: after a restart the port is open again and no session is known', async () => {
  await using engine = await engineInProcess()
  const { response } = await engine.json(start)
  const stream = await openStream(Object(response).playback_url)
  const cut = new Promise((resolve) => stream.on('error', resolve).resume())
  await engine.setMode({ mode: 'restart', forMs: 300 })
  expect(await cut).toBeInstanceOf(Error)
  await expect(engine.get(version)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  const up = () =>
    engine.get(version).then(
      ({ status }) => status,
      () => 0,
    )
  await expect.poll(up, { timeout: 10_000 }).toBe(200)
  expect(await engine.json(new URL(Object(response).stat_url).pathname)).toEqual({
    response: null,
    error: 'unknown playback session id',
  })
})

test('Failure modes: it loads nothing, says it is cut off, is slow, or ends', async () => {
  await using engine = await engineInProcess()
  const network = '/server/api?api_version=3&method=get_network_connection_status'
  await engine.setMode({ mode: 'no-content' })
  expect(await engine.json(start)).toEqual({ response: null, error: 'failed to load content' })
  await engine.setMode({ mode: 'disconnected' })
  expect(await engine.json(network)).toEqual({ result: { connected: false } })
  await engine.setMode({ mode: 'slow', delayMs: 300 })
  await expect(engine.get(version, 100)).rejects.toThrow()
  expect(await engine.json(version)).toMatchObject({ error: null })
  await engine.setMode({ mode: 'exit', exitCode: 7 })
  expect(engine.endings).toEqual([7])
})

test('what it does not know it refuses in words', async () => {
  await using engine = await engineInProcess()
  const mode = { mode: 'dance' } as unknown as EngineMode
  await expect(engine.setMode(mode)).rejects.toThrow('mode must be one of')
  await expect(engine.setTraits({ bitrate: 1 })).rejects.toThrow('bitrate must be')
  expect((await engine.get('/standin/dance')).body).toContain('POST /standin/traits')
  expect((await engine.get('/ace/dance')).status).toBe(404)
})

test('HEAD of a stream is its headers, and takes no reader’s place', async () => {
  await using engine = await engineInProcess()
  const { response } = await engine.json(start)
  const { playback_url } = Object(response)
  const { headers } = await engine.get(new URL(playback_url).pathname)
  const head = await fetch(headers.location ?? '', { method: 'HEAD' })
  expect(head.headers.get('content-type')).toBe('video/mp2t')
  expect((await readBytes(await openStream(playback_url), 1000)).length).toBeGreaterThan(0)
})
