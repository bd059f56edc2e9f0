import { describe, expect, test, vi } from 'vitest'
import { type InProcessEngine, openStream } from '../harness/engine-in-process.ts'
import { startTcpProxy } from '../harness/tcp-proxy.ts'
import { type Watcher, watchStream } from '../harness/watch-stream.ts'
import type { Traits } from '../standins/engine/traits.ts'
import { type GatewayRig, hashOf, makeGatewayRig, open, until } from './gateway-rig.ts'

// Silence is waited for, and streams play in real time.
vi.setConfig({ testTimeout: 120_000 })

const A = hashOf('a')
const SETTINGS = { silenceMs: 3_000, graceMs: 100 }
/** Of the content, so that there is something to check. */
const STAMPS = 50

const watch = (rig: GatewayRig, content = A) =>
  watchStream(`${rig.url}/ace/getstream?id=${content}`, { jumps: 'signalled' })

async function hasMore(watcher: Watcher): Promise<void> {
  const from = watcher.report().stamps
  await until('the stream goes on', () => watcher.report().stamps >= from + STAMPS)
}

/** The engine that plays. */
async function playing(rig: GatewayRig): Promise<number> {
  return (await rig.sessionsOn(0)) === 1 ? 0 : 1
}

const hasNews = (rig: GatewayRig, kind: string) => rig.news.some((news) => news.kind === kind)

/** What happens to the engine that plays. */
type Fault = (engine: InProcessEngine) => Promise<unknown>

const become = (traits: Partial<Traits>): Fault => {
  return (engine) => engine.setTraits(traits)
}

const FAULTS: readonly (readonly [string, Fault])[] = [
  ['is killed', async (engine) => await engine[Symbol.asyncDispose]()],
  ['hangs', (engine) => engine.setMode({ mode: 'hang' })],
  ['stalls, and says its version', (engine) => engine.setMode({ mode: 'stall' })],
  ['starts anew', (engine) => engine.setMode({ mode: 'restart', forMs: 500 })],
  ['gives no more bytes of this content', become({ stallAfterBytes: 0 })],
  ['ends the stream in good order', become({ cutAfterBytes: 0, cutBy: 'end' })],
  ['drops the connection', become({ cutAfterBytes: 0, cutBy: 'drop' })],
  ['resets the connection', become({ cutAfterBytes: 0, cutBy: 'reset' })],
  [
    'is told by somebody else to play the same content, which ends the first session',
    async (engine) => (await openStream(`${engine.url}/ace/getstream?id=${A}&pid=other`)).destroy(),
  ],
  [
    'is told so, and lets the first session freeze',
    async (engine) => {
      await engine.setTraits({ endsBy: 'freeze' })
      ;(await openStream(`${engine.url}/ace/getstream?id=${A}&pid=other`)).destroy()
    },
  ],
]

describe('a stream whose engine', () => {
  test.each(FAULTS)(
    '%s goes on from another one, whole packets and counters in order, and its place is free',
    async (_what, happen) => {
      await using rig = await makeGatewayRig({ engines: 2, maxStreams: 1, settings: SETTINGS })
      await using watcher = await watch(rig)
      await hasMore(watcher)
      const on = await playing(rig)
      const engine = rig.engines[on]
      if (engine === undefined) throw new Error('nobody plays')
      await happen(engine)
      await until('it has moved', () => hasNews(rig, 'moved'))
      await hasMore(watcher)
      expect(watcher.report().problems).toEqual([])
      expect(await rig.sessionsOn(1 - on)).toBe(1)
      await until('the place is free', async () => (await rig.sessionsOn(on)) === 0)
    },
  )

  test('cannot be reached any more goes on from another one', async () => {
    await using rig = await makeGatewayRig({ engines: 2, maxStreams: 1, settings: SETTINGS })
    await using proxy = await startTcpProxy({
      port: Number(new URL(rig.engines[0]?.url ?? '').port),
    })
    await rig.publish({ 0: { port: proxy.port, forwarded: true } })
    await using watcher = await watch(rig)
    await hasMore(watcher)
    expect(await rig.sessionsOn(0)).toBe(1)
    proxy.blackHole()
    await until('it has moved', () => hasNews(rig, 'moved'))
    await hasMore(watcher)
    expect(watcher.report().problems).toEqual([])
  })

  test.each(['500', 'waits', 'silent'] as const)(
    'buffers for a while (%s) begins when that is over, and no engine is asked twice',
    async (preload) => {
      const traits = { preloadMs: 1_500, preload }
      await using rig = await makeGatewayRig({ engines: 2, traits, settings: SETTINGS })
      await using watcher = await watch(rig)
      expect(watcher.response.statusCode).toBe(200)
      await hasMore(watcher)
      expect(watcher.report().problems).toEqual([])
      const states = await Promise.all(rig.engines.map((engine) => engine.state()))
      expect(states.reduce((sum, { counters }) => sum + (counters.opened ?? 0), 0)).toBe(1)
    },
  )
})

describe('a stream without any engine', () => {
  test('is kept alive by null packets, and goes on when one is back in time', async () => {
    await using rig = await makeGatewayRig({ engines: 1, settings: { ...SETTINGS, gapMs: 60_000 } })
    await using watcher = await watch(rig)
    await hasMore(watcher)
    await rig.engines[0]?.setMode({ mode: 'restart', forMs: 3_000 })
    await until('null packets come', () => watcher.report().nullPackets >= 14)
    await hasMore(watcher)
    expect(watcher.report().problems).toEqual([])
    expect(rig.news.map(({ kind }) => kind)).toEqual(['started', 'interrupted', 'moved'])
  })

  test('ends for its viewers when the gap is too long, and all places are free', async () => {
    await using rig = await makeGatewayRig({ engines: 2, settings: { ...SETTINGS, gapMs: 2_000 } })
    await using watcher = await watch(rig)
    await hasMore(watcher)
    await Promise.all(rig.engines.map((engine) => engine[Symbol.asyncDispose]()))
    await watcher.ended
    expect(watcher.report().nullPackets).toBeGreaterThan(0)
    expect(watcher.report().problems).toEqual([])
    await until('all places are free', async () => {
      return (await rig.store.sessions('home', Date.now())).length === 0
    })
    expect(rig.gateway.standing()).toMatchObject({ streams: { own: 0 }, viewers: 0 })
  })
})

describe('viewers that take nothing any more', () => {
  test('change nothing for the others, and are cut in time', async () => {
    const buffer = { maxBytes: 4 * 2 ** 20, maxAgeMs: 30_000 }
    const settings = { ...SETTINGS, buffer, stalledMs: 3_000 }
    // Enough for the kernel's own buffers to fill.
    const traits = { bitrate: 12_000_000 }
    await using rig = await makeGatewayRig({ engines: 1, traits, settings })
    await using stack = new AsyncDisposableStack()
    const watchers: Watcher[] = []
    for (let n = 0; n < 15; n++) watchers.push(stack.use(await watch(rig)))
    const stuck = await Promise.all(
      Array.from({ length: 5 }, () => open(`${rig.url}/ace/getstream?id=${A}`)),
    )
    for (const response of stuck) {
      // A machine that went away takes nothing and says nothing; one that was cut is told by a reset.
      response.on('error', () => {})
      response.socket.pause()
    }
    await until('they are cut', () => {
      return rig.viewers.filter(({ end }) => end === 'stalled').length === stuck.length
    })
    await Promise.all(watchers.map(hasMore))
    for (const watcher of watchers) {
      expect(watcher.report().problems).toEqual([])
      expect(watcher.report().jumps).toEqual([])
    }
    expect(rig.gateway.standing().viewers).toBe(watchers.length)
    for (const response of stuck) response.destroy()
  })
})
