import { get } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import { checkStream } from '../harness/check-stream.ts'
import { readBytes } from '../harness/engine-in-process.ts'
import { fetchText, hashOf, makeGatewayRig, open, until } from './gateway-rig.ts'

// Engines are looked after once a second, and streams play in real time.
vi.setConfig({ testTimeout: 60_000 })

const A = hashOf('a')
const B = hashOf('b')

describe('a stream through the gateway', () => {
  test("is the engine's, packet by packet, and gives its place back when its last viewer has left (I3)", async () => {
    await using rig = await makeGatewayRig({ settings: { graceMs: 100 } })
    const viewer = await open(`${rig.url}/ace/getstream?id=${A}`)
    expect(viewer.statusCode).toBe(200)
    expect(viewer.headers['content-type']).toBe('video/mp2t')
    const report = checkStream(await readBytes(viewer, 500_000))
    expect(report.problems).toEqual([])
    expect(report.keyframes).toBeGreaterThan(0)
    expect(await rig.store.sessions('home', Date.now())).toMatchObject([
      { state: 'active', holder: 'gateway-1' },
    ])
    viewer.destroy()
    await until('the place is free', async () => {
      return (await rig.sessionsOn(0)) + (await rig.sessionsOn(1)) === 0
    })
    expect(rig.viewers).toMatchObject([{ end: 'left' }])
  })

  test('is one session on one engine, however many ask for it at once', async () => {
    await using rig = await makeGatewayRig({ engines: 3 })
    const names = [`id=${A}`, `content_id=${A.toUpperCase()}`]
    const viewers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => open(`${rig.url}/ace/getstream?${names[n % 2]}`)),
    )
    const streams = await Promise.all(viewers.map((viewer) => readBytes(viewer, 300_000)))
    for (const bytes of streams) expect(checkStream(bytes).problems).toEqual([])
    expect(await rig.store.sessions('home', Date.now())).toHaveLength(1)
    for (const viewer of viewers) viewer.destroy()
  })

  test('goes to the engine with the fewest sessions, and says so when there is no room (I3)', async () => {
    await using rig = await makeGatewayRig({ engines: 2, maxStreams: 1 })
    const one = await open(`${rig.url}/ace/getstream?id=${A}`)
    const two = await open(`${rig.url}/ace/getstream/?infohash=${B}`)
    expect([one.statusCode, two.statusCode]).toEqual([200, 200])
    expect([await rig.sessionsOn(0), await rig.sessionsOn(1)]).toEqual([1, 1])
    const third = await fetchText(`${rig.url}/ace/getstream?id=${hashOf('c')}`)
    expect(third.status).toBe(503)
    expect(third.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(third.headers.get('x-acefleet-reason')).toBe('capacity')
    expect(third.body).toContain("all places on home's 2 ready engines are taken")
    one.destroy()
    two.destroy()
  })

  test('moves to another engine when its own dies, and the viewer stays connected', async () => {
    await using rig = await makeGatewayRig({ engines: 2, traits: { bitrate: 8_000_000 } })
    const viewer = await open(`${rig.url}/ace/getstream?id=${A}`)
    const before = await readBytes(viewer, 300_000)
    const on = (await rig.sessionsOn(0)) === 1 ? 0 : 1
    await rig.engines[on]?.[Symbol.asyncDispose]()
    const after = await readBytes(viewer, 900_000)
    const report = checkStream(Buffer.concat([before, after]), { jumps: 'signalled' })
    expect(report.problems).toEqual([])
    expect(rig.news.map(({ kind }) => kind)).toEqual(['started', 'interrupted', 'moved'])
    expect(await rig.sessionsOn(1 - on)).toBe(1)
    viewer.destroy()
  })

  test('leaves an engine that is being drained before that stops, without a gap in its bytes', async () => {
    await using rig = await makeGatewayRig({ engines: 2, traits: { bitrate: 8_000_000 } })
    const viewer = await open(`${rig.url}/ace/getstream?id=${A}`)
    const before = await readBytes(viewer, 300_000)
    const on = (await rig.sessionsOn(0)) === 1 ? 0 : 1
    await rig.publish({ [on]: { ready: false, leaving: true } })
    await until('it has moved', async () => (await rig.sessionsOn(on)) === 0)
    expect(await rig.sessionsOn(1 - on)).toBe(1)
    const after = await readBytes(viewer, 900_000)
    const report = checkStream(Buffer.concat([before, after]), { jumps: 'signalled' })
    expect(report.problems).toEqual([])
    expect(report.nullPackets).toBe(0)
    viewer.destroy()
  })
})

describe('a stream that cannot be', () => {
  test.each([
    ['', 400, 'no content is named'],
    [`?id=${A}&infohash=${A}`, 400, 'more than one content'],
    ['?id=nonsense', 400, 'must be 40 hex digits'],
    [`?id=${A}&pid=1`, 400, 'pid is not taken'],
  ])('%s is answered by %i: %s', async (query, status, text) => {
    await using rig = await makeGatewayRig({ engines: 1 })
    const answer = await fetchText(`${rig.url}/ace/getstream${query}`)
    expect(answer.status).toBe(status)
    expect(answer.body).toContain(text)
  })

  test("is refused with the engine's reason, and for a while without asking an engine", async () => {
    const traits = { error: 'failed to load content' }
    await using rig = await makeGatewayRig({ engines: 2, traits })
    const first = await fetchText(`${rig.url}/ace/getstream?id=${A}`)
    expect(first.status).toBe(404)
    expect(first.body).toContain('failed to load content')
    const claims = rig.news.length
    const again = await fetchText(`${rig.url}/ace/getstream?id=${A}`)
    expect(again.status).toBe(404)
    expect(rig.news).toHaveLength(claims)
    expect([await rig.sessionsOn(0), await rig.sessionsOn(1)]).toEqual([0, 0])
  })

  test.each(['//', '//[', '//a:99999/', '/ace/%', '/ace//[', `/ace/${'/'.repeat(12_000)}x`])(
    'that nobody would ask for (%#) is answered, and the gateway goes on',
    async (path) => {
      await using rig = await makeGatewayRig({ engines: 1 })
      const { hostname, port } = new URL(rig.url)
      const answered = await new Promise<number>((resolve, reject) => {
        get({ hostname, port, path, agent: false }, (res) => {
          res.resume()
          resolve(res.statusCode ?? 0)
        }).on('error', reject)
      })
      expect(answered).toBe(404)
      expect((await fetchText(`${rig.url}/ace/status`)).status).toBe(200)
    },
  )

  test('answers POST with what is taken', async () => {
    await using rig = await makeGatewayRig({ engines: 1 })
    const answer = await fetchText(`${rig.url}/ace/getstream?id=${A}`, { method: 'POST' })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })
})

describe("a client of the engine's JSON protocol", () => {
  test('begins a session, plays it, asks for its figures and stops', async () => {
    await using rig = await makeGatewayRig({ engines: 1 })
    const begun = await fetchText(`${rig.url}/ace/getstream?format=json&id=${A}`)
    const { response } = JSON.parse(begun.body)
    expect(response.playback_url).toContain(`${rig.url}/ace/r/`)
    const viewer = await open(response.playback_url)
    expect(checkStream(await readBytes(viewer, 300_000)).problems).toEqual([])
    const stat = JSON.parse((await fetchText(response.stat_url)).body)
    expect(stat.response.peers).toBeGreaterThan(0)
    const stopped = JSON.parse((await fetchText(`${response.command_url}?method=stop`)).body)
    expect(stopped).toEqual({ response: 'ok', error: null })
    viewer.destroy()
  })

  test('is told in its own words why nothing plays', async () => {
    await using rig = await makeGatewayRig({
      engines: 1,
      traits: { error: 'failed to load content' },
    })
    const begun = await fetchText(`${rig.url}/ace/getstream?format=json&id=${A}`)
    expect(begun.status).toBe(200)
    expect(JSON.parse(begun.body)).toEqual({ response: null, error: 'failed to load content' })
  })
})
