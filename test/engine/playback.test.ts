import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { makeStartPlayback, type Playback, type PlaybackCall } from '../../src/engine/playback.ts'
import { openNodeHttp } from '../../src/net/node-http.ts'
import { systemClock } from '../../src/time/clock.ts'

const HASH = 'a'.repeat(40)

type Answer = (res: ServerResponse, req: IncomingMessage) => void

const json = (value: unknown) => (res: ServerResponse) => res.end(JSON.stringify(value))
const text = (status: number, words: string) => (res: ServerResponse) =>
  res.writeHead(status).end(words)
const flow = (res: ServerResponse) => void res.writeHead(200).write('bytes')

/** What an engine answers when a session begins; its URLs name another host, as behind Docker's port mapping. */
const session = (change: object = {}) => {
  const at = (route: string) => `http://elsewhere.invalid:6878/ace/${route}/${HASH}/key`
  const urls = { playback_url: at('r'), stat_url: at('stat'), command_url: at('cmd') }
  return json({ response: { ...urls, infohash: HASH.toUpperCase(), is_live: 1, ...change } })
}

/** An engine that answers by path as told: each of a list once, its last one from then on. */
async function engine(answers: Readonly<Record<string, Answer | readonly Answer[]>>) {
  const asked: string[] = []
  const times = new Map<string, number>()
  const server = createServer((req, res) => {
    const { pathname, search } = new URL(req.url ?? '/', 'http://engine')
    asked.push(`${pathname}${search}`)
    const script = [answers[pathname] ?? text(404, 'not found')].flat()
    const n = times.get(pathname) ?? 0
    times.set(pathname, n + 1)
    script[Math.min(n, script.length - 1)]?.(res, req)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const http = openNodeHttp(systemClock)
  const start = makeStartPlayback(http.get, systemClock)
  return {
    asked,
    server,
    port,
    stops: () => asked.filter((url) => url.includes('method=stop')).length,
    start: (change: Partial<PlaybackCall> = {}): Promise<Playback> =>
      start({
        ...{ host: '127.0.0.1', port, playerId: 'p' },
        query: [['id', HASH]],
        startTimeoutMs: 20_000,
        signal: new AbortController().signal,
        ...change,
      }),
    async [Symbol.asyncDispose]() {
      http[Symbol.dispose]()
      server.closeAllConnections()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}

const START = '/ace/getstream'
const PLAY = `/ace/r/${HASH}/key`
const STAT = `/ace/stat/${HASH}/key`
const COMMAND = `/ace/cmd/${HASH}/key`
const stopped = json({ response: 'ok', error: null })

const redirect = (location: string) => (res: ServerResponse) =>
  res.writeHead(302, { location }).end()

describe('a playback', () => {
  test('asks for JSON as a player of its own, and reads where the engine is, whatever host its URLs name', async () => {
    await using at = await engine({ [START]: session(), [PLAY]: flow, [COMMAND]: stopped })
    const query = [
      ['infohash', HASH],
      ['transcode_audio', '1'],
    ] as const
    const playback = await at.start({ query })
    expect(at.asked[0]).toBe(`${START}?infohash=${HASH}&transcode_audio=1&format=json&pid=p`)
    expect(playback.infohash).toBe(HASH)
    expect(playback.isLive).toBe(true)
    expect(String(playback.body.read())).toBe('bytes')
    playback.body.destroy()
    await playback.stop()
    expect(at.asked.at(-1)).toBe(`${COMMAND}?method=stop`)
  })

  test('follows redirects, also to another host, which is the engine itself', async () => {
    await using at = await engine({
      [START]: session(),
      [PLAY]: redirect(`http://elsewhere.invalid/content/${HASH}/x`),
      [`/content/${HASH}/x`]: redirect('/content/last'),
      '/content/last': flow,
    })
    const playback = await at.start()
    expect(String(playback.body.read())).toBe('bytes')
    playback.body.destroy()
  })

  test('is given up when redirects have no end, and its session is stopped', async () => {
    await using at = await engine({
      [START]: session(),
      [PLAY]: redirect(PLAY),
      [COMMAND]: stopped,
    })
    await expect(at.start()).rejects.toMatchObject({
      fault: 'engine',
      message: 'redirects without end',
    })
    expect(at.stops()).toBe(1)
  })

  test('asks again, from the first URL on, while the engine still buffers', async () => {
    await using at = await engine({
      [START]: session(),
      [PLAY]: [text(500, 'download not found'), redirect('/content/x'), flow],
      '/content/x': text(500, 'start timeout'),
    })
    const playback = await at.start()
    expect(String(playback.body.read())).toBe('bytes')
    playback.body.destroy()
    expect(at.asked.filter((url) => url === PLAY)).toHaveLength(3)
  })

  test("that buffers for too long is the content's fault, in the engine's words, and is stopped", async () => {
    await using at = await engine({
      [START]: session(),
      [PLAY]: text(500, 'start\n timeout'),
      [COMMAND]: stopped,
    })
    await expect(at.start({ startTimeoutMs: 700 })).rejects.toMatchObject({
      fault: 'content',
      message: 'answered 500: start timeout',
    })
    expect(at.stops()).toBe(1)
  })

  test.each([
    ['nothing', () => {}],
    ['a head alone', (res: ServerResponse) => res.writeHead(200).flushHeaders()],
    ['the beginning of an error', (res: ServerResponse) => void res.writeHead(500).write('so')],
  ])('is given up in time by an engine that sends %s', async (_what, answer) => {
    await using at = await engine({ [START]: session(), [PLAY]: answer, [COMMAND]: stopped })
    await expect(at.start({ startTimeoutMs: 700 })).rejects.toMatchObject({
      fault: 'engine',
      message: expect.stringContaining('no bytes came in time'),
    })
    expect(at.stops()).toBe(1)
  })

  test.each([
    ['ends without a byte', (res: ServerResponse) => res.writeHead(200).end()],
    [
      'is cut without a byte',
      (res: ServerResponse) => {
        res.writeHead(200).flushHeaders()
        setTimeout(() => res.destroy(), 20)
      },
    ],
    ['is refused', text(404, 'gone')],
  ])("whose body %s is the engine's fault", async (_what, answer) => {
    await using at = await engine({ [START]: session(), [PLAY]: answer, [COMMAND]: stopped })
    await expect(at.start()).rejects.toMatchObject({ fault: 'engine' })
    expect(at.stops()).toBe(1)
  })

  test.each([
    [
      'says why',
      json({ response: null, error: 'failed to load content' }),
      'content',
      'failed to load content',
    ],
    ['answers no JSON', text(200, '<html> nonsense'), 'engine', 'answered 200: <html> nonsense'],
    ['answers 404', text(404, 'what?'), 'engine', 'answered 404: what?'],
    [
      'breaks the connection',
      (res: ServerResponse) => void res.destroy(),
      'engine',
      'no session was begun',
    ],
  ])(
    'that cannot begin because the engine %s fails with that',
    async (_what, answer, fault, message) => {
      await using at = await engine({ [START]: answer })
      await expect(at.start()).rejects.toMatchObject({
        fault,
        message: expect.stringContaining(message),
      })
      expect(at.stops()).toBe(0)
    },
  )

  test('that cannot begin because nobody listens is the fault of the engine', async () => {
    await using at = await engine({})
    await new Promise((resolve) => at.server.close(resolve))
    await expect(at.start({ port: at.port })).rejects.toMatchObject({ fault: 'engine' })
  })

  test('is stopped when its start is aborted, and says that it was', async () => {
    await using at = await engine({ [START]: session(), [PLAY]: () => {}, [COMMAND]: stopped })
    const abort = new AbortController()
    const start = at.start({ signal: abort.signal })
    await expect.poll(() => at.asked).toContain(PLAY)
    abort.abort()
    await expect(start).rejects.toMatchObject({ fault: 'aborted' })
    expect(at.stops()).toBe(1)
  })

  test('goes on when the signal of its start is aborted after it', async () => {
    let more = () => {}
    await using at = await engine({
      [START]: session(),
      [PLAY]: (res) => {
        flow(res)
        more = () => void res.write('more')
      },
    })
    const abort = new AbortController()
    const { body } = await at.start({ signal: abort.signal })
    abort.abort()
    expect(String(body.read())).toBe('bytes')
    body.resume()
    const next = new Promise<string>((resolve) => body.once('data', (chunk) => resolve(`${chunk}`)))
    more()
    expect(await next).toBe('more')
    body.destroy()
  })

  test('tells figures in both spellings, and none where the engine has none', async () => {
    await using at = await engine({
      [START]: session(),
      [PLAY]: flow,
      [STAT]: [
        json({ response: { status: 'dl', peers: 3, speed_down: 5 }, error: null }),
        json({ response: { status: 'dl', peers: 3, speedDown: 7 }, error: null }),
        json({ response: null, error: 'unknown playback session id' }),
        text(500, 'oops'),
      ],
    })
    const playback = await at.start()
    const { signal } = new AbortController()
    expect(await playback.stat(signal)).toMatchObject({ status: 'dl', peers: 3, speedDown: 5 })
    expect(await playback.stat(signal)).toMatchObject({ speedDown: 7, speedUp: 0 })
    expect(await playback.stat(signal)).toBeUndefined()
    expect(await playback.stat(signal)).toBeUndefined()
    playback.body.destroy()
  })

  test('stands URLs that are none', async () => {
    const broken = { command_url: 'http://[', stat_url: 'http://[' }
    await using at = await engine({ [START]: session(broken), [PLAY]: flow })
    const playback = await at.start()
    expect(await playback.stat(new AbortController().signal)).toBeUndefined()
    await expect(playback.stop()).resolves.toBeUndefined()
    playback.body.destroy()
    await using other = await engine({ [START]: session({ ...broken, playback_url: 'http://[' }) })
    await expect(other.start()).rejects.toMatchObject({ fault: 'engine' })
  })
})
