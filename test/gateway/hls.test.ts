import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { checkStream } from '../harness/check-stream.ts'
import { readBytes } from '../harness/engine-in-process.ts'
import { fetchText, type GatewayRig, hashOf, makeGatewayRig, open, until } from './gateway-rig.ts'

// Streams play in real time, and a segment lasts 4 s.
vi.setConfig({ testTimeout: 120_000 })

const A = hashOf('a')
/** Enough at once for a list of several segments. */
const burst = { backlogMs: 25_000 }

interface List {
  readonly text: string
  readonly targetS: number
  readonly sequence: number
  readonly discontinuities: number
  /** Absolute URLs. */
  readonly segments: readonly {
    readonly url: string
    readonly durationS: number
    readonly isBreak: boolean
  }[]
}

/** Reads a list as strictly as a player may. */
function parseList(text: string, base: string): List {
  const lines = text.trimEnd().split('\n')
  expect(lines.slice(0, 2)).toEqual(['#EXTM3U', '#EXT-X-VERSION:3'])
  const tag = (name: string) =>
    Number(lines.find((line) => line.startsWith(`#EXT-X-${name}:`))?.split(':')[1])
  const segments: { url: string; durationS: number; isBreak: boolean }[] = []
  let isBreak = false
  let durationS = Number.NaN
  for (const line of lines) {
    if (line === '#EXT-X-DISCONTINUITY') isBreak = true
    else if (line.startsWith('#EXTINF:')) durationS = Number.parseFloat(line.slice(8))
    else if (!line.startsWith('#')) {
      segments.push({ url: new URL(line, base).href, durationS, isBreak })
      isBreak = false
    }
  }
  const list = {
    ...{ text, segments, targetS: tag('TARGETDURATION'), sequence: tag('MEDIA-SEQUENCE') },
    discontinuities: tag('DISCONTINUITY-SEQUENCE'),
  }
  expect(Number.isInteger(list.targetS)).toBe(true)
  for (const each of segments) expect(Math.round(each.durationS)).toBeLessThanOrEqual(list.targetS)
  return list
}

async function readList(url: string, init: RequestInit = {}): Promise<List> {
  const { status, headers, body } = await fetchText(url, init)
  expect([status, body.slice(0, 7)]).toEqual([200, '#EXTM3U'])
  expect(headers.get('content-type')).toBe('application/vnd.apple.mpegurl')
  expect(headers.get('access-control-allow-origin')).toBe('*')
  expect(headers.get('cache-control')).toBe('no-store')
  return parseList(body, url)
}

async function fetchBytes(url: string): Promise<Buffer> {
  const answer = await fetch(url)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('video/mp2t')
  const bytes = Buffer.from(await answer.arrayBuffer())
  expect(Number(answer.headers.get('content-length'))).toBe(bytes.length)
  return bytes
}

/** An engine whose contents are no transport streams. */
async function engineOfMusic() {
  const server = createServer((req, res) => {
    const { port } = server.address() as AddressInfo
    const playing = { playback_url: `http://127.0.0.1:${port}/content`, infohash: A, is_live: 1 }
    if (!req.url?.startsWith('/content'))
      return void res.end(JSON.stringify({ response: playing, error: null }))
    const sending = setInterval(() => res.write(Buffer.alloc(20_000, 0x55)), 20)
    res.once('close', () => clearInterval(sending))
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const listUrl = (rig: GatewayRig, query = `id=${A}`) => `${rig.url}/ace/manifest.m3u8?${query}`

describe('HLS through the gateway', () => {
  test('is the stream in segments that are each whole and together without a gap', async () => {
    await using rig = await makeGatewayRig({ engines: 1, traits: burst })
    const list = await readList(listUrl(rig))
    expect(list.segments.length).toBeGreaterThan(1)
    const parts = await Promise.all(list.segments.map(({ url }) => fetchBytes(url)))
    for (const part of parts) {
      const report = checkStream(part)
      expect(report.problems).toEqual([])
      expect(report.keyframes).toBeGreaterThan(0)
      // The tables, and then at once the packet at which a decoder begins.
      const pids = [0, 1, 2].map((n) => part.readUInt16BE(n * 188 + 1) & 0x1fff)
      expect(pids[0]).toBe(0)
      expect((part[2 * 188 + 5] ?? 0) & 0x40).toBe(0x40)
    }
    // Without each one's own tables they are one stream.
    const rest = Buffer.concat(parts.map((part) => part.subarray(2 * 188)))
    expect(checkStream(rest).problems).toEqual([])
  })

  test('shares one engine session with viewers of the stream, whichever comes first (I3)', async () => {
    await using rig = await makeGatewayRig({ engines: 2, traits: burst })
    const [viewer, list] = await Promise.all([
      open(`${rig.url}/ace/getstream?id=${A}`),
      readList(listUrl(rig)),
      readList(listUrl(rig, `content_id=${A}`)),
    ])
    await fetchBytes(list.segments[0]?.url ?? '')
    expect(await rig.store.sessions('home', Date.now())).toHaveLength(1)
    expect(rig.gateway.standing().viewers).toBe(2)
    viewer.destroy()
  })

  test('goes on: numbers follow each other, the target stays, and what a list named is there still', async () => {
    await using rig = await makeGatewayRig({ engines: 1, traits: burst })
    const first = await readList(listUrl(rig))
    let list = first
    const seen = new Map(first.segments.map(({ url }, n) => [first.sequence + n, url]))
    await until('there are two more segments', async () => {
      list = await readList(listUrl(rig))
      expect(list.targetS).toBe(first.targetS)
      for (const [n, { url }] of list.segments.entries()) {
        expect(seen.get(list.sequence + n) ?? url).toBe(url)
        seen.set(list.sequence + n, url)
      }
      return seen.size >= first.segments.length + 2
    })
    for (const { url } of first.segments) await fetchBytes(url)
    expect(list.segments.map(({ isBreak }) => isBreak)).not.toContain(true)
  })

  test('tells of the break when another engine goes on, and both sides play', async () => {
    await using rig = await makeGatewayRig({ engines: 2, traits: burst })
    const first = await readList(listUrl(rig))
    const on = (await rig.sessionsOn(0)) === 1 ? 0 : 1
    await rig.engines[on]?.[Symbol.asyncDispose]()
    let list = first
    await until('a segment of the other engine is listed', async () => {
      list = await readList(listUrl(rig))
      return list.segments.some(({ isBreak }) => isBreak)
    })
    expect(list.sequence).toBeGreaterThanOrEqual(first.sequence)
    expect(list.segments.filter(({ isBreak }) => isBreak)).toHaveLength(1)
    for (const { url } of list.segments) {
      const { problems } = checkStream(await fetchBytes(url), { jumps: 'signalled' })
      expect(problems).toEqual([])
    }
    expect(await rig.sessionsOn(1 - on)).toBe(1)
  })

  test('keeps its place while somebody asks, and leaves some time after (I3)', async () => {
    await using rig = await makeGatewayRig({
      ...{ engines: 1, traits: burst },
      settings: { graceMs: 100 },
    })
    const began = performance.now()
    const list = await readList(listUrl(rig))
    await until('it has asked for long enough to have been missed', async () => {
      const now = await readList(listUrl(rig))
      expect(now.sequence).toBeGreaterThanOrEqual(list.sequence)
      expect(await rig.sessionsOn(0)).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      return performance.now() - began > 21_000
    })
    expect(rig.news.map(({ kind }) => kind)).toEqual(['started'])
    await until('the place is free', async () => (await rig.sessionsOn(0)) === 0)
    expect(rig.viewers).toMatchObject([{ end: 'left', content: `id:${A}` }])
    expect(rig.viewers[0]?.firstByteMs).toBeGreaterThan(0)
    expect((await fetchText(list.segments.at(-1)?.url ?? '')).status).toBe(404)
  })

  test('is found under whatever name, scheme and path a proxy gives the gateway', async () => {
    await using rig = await makeGatewayRig({ engines: 1, traits: burst })
    const { text } = await readList(listUrl(rig))
    const [name = ''] = text.split('\n').filter((line) => !line.startsWith('#'))
    expect(name).toMatch(/^c\/[0-9a-f]{40}\/c\/[0-9a-z]+-\d+\.ts$/)
    const slashed = await readList(`${rig.url}/ace/manifest.m3u8/?id=${A}`)
    await fetchBytes(slashed.segments[0]?.url ?? '')
  })

  test('comes from any gateway, from one engine session, each with a list of its own (I3)', async () => {
    await using rig = await makeGatewayRig({ engines: 2, traits: burst })
    const other = await rig.start('gateway-2')
    const here = await readList(listUrl(rig))
    const there = await readList(`${other.url}/ace/manifest.m3u8?id=${A}`)
    expect(await rig.store.sessions('home', Date.now())).toHaveLength(1)
    for (const { url } of there.segments)
      expect(checkStream(await fetchBytes(url)).problems).toEqual([])
    // What a player read here and asks for there is not mistaken for something else.
    const strayed = new URL(new URL(here.segments[0]?.url ?? '').pathname, other.url).href
    expect((await fetchText(strayed)).status).toBe(404)
  })

  test('counts forwards also over a session that begins anew', async () => {
    await using rig = await makeGatewayRig({
      ...{ engines: 1, traits: burst },
      settings: { gapMs: 0, silenceMs: 3_000, deadMs: 0 },
    })
    const first = await readList(listUrl(rig))
    await rig.engines[0]?.setTraits({ stallAfterBytes: 0 })
    await until('the session has ended', () => rig.news.some(({ kind }) => kind === 'ended'))
    await rig.engines[0]?.setTraits({ stallAfterBytes: null })
    const next = await readList(listUrl(rig))
    expect(next.segments[0]?.url).not.toBe(first.segments[0]?.url)
    expect(next.sequence).toBeGreaterThan(first.sequence)
  })

  test('is begun by clients of the JSON protocol as well', async () => {
    await using rig = await makeGatewayRig({ engines: 1, traits: burst })
    const begun = await fetchText(`${listUrl(rig)}&format=json`)
    const { response } = JSON.parse(begun.body)
    expect(response.playback_url).toBe(`${rig.url}/ace/m/${A}/c.m3u8`)
    const list = await readList(response.playback_url)
    await fetchBytes(list.segments[0]?.url ?? '')
  })

  test('answers HEAD without taking an engine, and for segments with their length', async () => {
    await using rig = await makeGatewayRig({ engines: 1, traits: burst })
    const probe = await fetchText(listUrl(rig), { method: 'HEAD' })
    expect([probe.status, probe.headers.get('content-type')]).toEqual([
      ...[200, 'application/vnd.apple.mpegurl'],
    ])
    expect(rig.gateway.standing().streams.own).toBe(0)
    const { segments } = await readList(listUrl(rig))
    const url = segments[0]?.url ?? ''
    const head = await fetchText(url, { method: 'HEAD' })
    expect(Number(head.headers.get('content-length'))).toBe((await fetchBytes(url)).length)
  })
})

describe('HLS that cannot be', () => {
  test('is refused as a stream is: 400, 404, 503 with Retry-After and the reason', async () => {
    await using rig = await makeGatewayRig({ engines: 1, maxStreams: 1 })
    expect((await fetchText(listUrl(rig, 'id=nonsense'))).status).toBe(400)
    const other = await open(`${rig.url}/ace/getstream?id=${hashOf('b')}`)
    const full = await fetchText(listUrl(rig))
    expect([full.status, full.headers.get('x-acefleet-reason')]).toEqual([503, 'capacity'])
    expect(full.headers.get('retry-after')).toMatch(/^\d+$/)
    other.destroy()
  })

  test('of an unknown content says what the engine says', async () => {
    const traits = { error: 'failed to load content' }
    await using rig = await makeGatewayRig({ engines: 2, traits })
    const answer = await fetchText(listUrl(rig))
    expect([answer.status, answer.body]).toEqual([404, 'failed to load content\n'])
    expect(rig.viewers).toMatchObject([{ end: 'refused' }])
  })

  test('of what is no transport stream is a 406 that says where it is to be had', async () => {
    await using rig = await makeGatewayRig({ engines: 1 })
    await using engine = await engineOfMusic()
    await rig.publish({ 0: { port: engine.port } })
    const answer = await fetchText(listUrl(rig))
    expect([answer.status, answer.headers.get('x-acefleet-reason')]).toEqual([406, 'format'])
    expect(answer.body).toContain('/ace/getstream')
    const viewer = await open(`${rig.url}/ace/getstream?id=${A}`)
    expect([...(await readBytes(viewer, 100_000))].every((each) => each === 0x55)).toBe(true)
    viewer.destroy()
  })

  test.each([
    ['a segment that has not come', (url: string) => url.replace(/\d+\.ts$/, '9999.ts')],
    ["another session's", (url: string) => url.replace(/[0-9a-z]+-(\d+\.ts)$/, 'abc-$1')],
    ['nonsense', (url: string) => url.replace(/[^/]*$/, 'x.ts')],
    ['no content', (url: string) => url.replace(/c\/[0-9a-f]{40}/, 'c/xyz')],
  ])('of %s is a 404', async (_, change) => {
    await using rig = await makeGatewayRig({ engines: 1, traits: burst })
    const { segments } = await readList(listUrl(rig))
    expect((await fetchText(change(segments[0]?.url ?? ''))).status).toBe(404)
  })

  test('is torn, not ended, for a player that takes a segment too slowly, and others go on', async () => {
    await using rig = await makeGatewayRig({
      ...{ engines: 1, traits: { ...burst, bitrate: 12_000_000 } },
      settings: { stalledMs: 300 },
    })
    const { segments } = await readList(listUrl(rig))
    const url = segments[0]?.url ?? ''
    const slow: IncomingMessage = await open(url)
    const expected = Number(slow.headers['content-length'])
    slow.pause()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect((await fetchBytes(url)).length).toBe(expected)
    await expect(readBytes(slow, expected)).rejects.toThrow()
  })
})
