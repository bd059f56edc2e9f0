import { afterEach, describe, expect, test } from 'vitest'
import type { ContainerId } from '../../src/docker/port.ts'
import type { ProbeResult } from '../../src/engine/client.ts'
import { type ProbeTarget, startProber } from '../../src/engine/prober.ts'
import { makeVirtualClock } from '../sim/virtual-clock.ts'

const READY: ProbeResult = { kind: 'ready' }
const CONNECTED: ProbeResult = { kind: 'ready', connected: true }
const CUT_OFF: ProbeResult = { kind: 'ready', connected: false }
const REFUSED: ProbeResult = { kind: 'failed', message: 'refused', silent: false }
const SILENT: ProbeResult = { kind: 'failed', message: 'no whole answer in time', silent: true }
const BLIND: ProbeResult = { kind: 'blind', message: 'EMFILE' }

const SETTINGS = { intervalMs: 5_000, timeoutMs: 2_000, failures: 3 }
const id = (name: string) => name as ContainerId

const closing: AsyncDisposable[] = []
afterEach(async () => {
  for (const resource of closing.splice(0)) await resource[Symbol.asyncDispose]()
})

/** Engines that answer as told; `hang` takes the whole timeout. */
function world(concurrency?: number) {
  const clock = makeVirtualClock()
  const says = new Map<string, ProbeResult | 'hang'>()
  const asked: { url: string; at: number; network: boolean | undefined }[] = []
  const changes: string[] = []
  let underWay = 0
  let mostUnderWay = 0
  const prober = startProber({
    clock,
    random: () => 0.5,
    concurrency,
    onChange: (container, change) => changes.push(`${container} ${change}`),
    probe: async (url, call) => {
      asked.push({ url, at: clock.monotonic(), network: call.asksNetwork })
      mostUnderWay = Math.max(mostUnderWay, ++underWay)
      try {
        const say = says.get(url) ?? READY
        if (say !== 'hang') return say
        await clock.sleep(call.timeoutMs, call.signal).catch(() => undefined)
        return call.signal.aborted ? BLIND : SILENT
      } finally {
        underWay -= 1
      }
    },
  })
  closing.push(prober)
  const target = (name: string, more: Partial<ProbeTarget> = {}): ProbeTarget => ({
    id: id(name),
    url: `http://${name}`,
    settings: SETTINGS,
    ...more,
  })
  const say = (name: string, result: ProbeResult | 'hang') => says.set(`http://${name}`, result)
  return {
    clock,
    prober,
    asked,
    changes,
    target,
    say,
    health: (name: string) => prober.health(id(name)),
    mostUnderWay: () => mostUnderWay,
  }
}

describe('the prober', () => {
  test('says of an engine that it never probed: not ready, and no failure', () => {
    expect(world().health('a')).toMatchObject({
      ready: false,
      failures: 0,
      firstReadyAt: undefined,
      failingSince: undefined,
    })
  })

  test('sees readiness within 200 ms or a tenth of the time that the start took', async () => {
    for (const startMs of [100, 1_500, 20_000]) {
      const { clock, prober, target, say, health, changes } = world()
      say('a', REFUSED)
      prober.setTargets([target('a')])
      await clock.advance(startMs)
      expect(health('a')).toMatchObject({ ready: false, firstReadyAt: undefined })
      say('a', READY)
      await clock.advance(Math.max(200, startMs * 0.1) + 1)
      expect(health('a')).toMatchObject({ ready: true, failures: 0, lastError: '' })
      expect(changes).toEqual(['a ready'])
    }
  })

  test('asks a ready engine once per interval', async () => {
    const { clock, prober, target, asked } = world()
    prober.setTargets([target('a')])
    await clock.advance(5_000)
    asked.length = 0
    await clock.advance(50_000)
    expect(asked.length).toBe(10)
  })

  test('spreads engines that were adopted together over the interval, at few instants', async () => {
    const clock = makeVirtualClock()
    let seed = 0
    const at: number[] = []
    const prober = startProber({
      clock,
      random: () => (seed = (seed + 0.137) % 1),
      onChange: () => {},
      probe: async () => {
        at.push(clock.monotonic())
        return READY
      },
    })
    closing.push(prober)
    prober.setTargets(
      Array.from({ length: 50 }, (_, i) => ({
        id: id(`${i}`),
        url: `http://${i}`,
        settings: SETTINGS,
      })),
    )
    await clock.advance(20_000)
    at.length = 0
    await clock.advance(5_000)
    expect(at).toHaveLength(50)
    const perInstant = new Map<number, number>()
    for (const time of at) perInstant.set(time, (perInstant.get(time) ?? 0) + 1)
    expect(perInstant.size).toBe(2)
    expect(Math.max(...perInstant.values())).toBeLessThan(40)
  })

  test('makes unready only after the set number of failures in a row', async () => {
    const { clock, prober, target, say, health, changes } = world()
    prober.setTargets([target('a')])
    await clock.advance(10_000)
    const { readySince } = health('a')
    say('a', REFUSED)
    await clock.advance(10_000)
    expect(health('a')).toMatchObject({ ready: true, failures: 2, readySince })
    say('a', READY)
    await clock.advance(5_000)
    expect(health('a')).toMatchObject({ ready: true, failures: 0, failingSince: undefined })
    say('a', REFUSED)
    await clock.advance(15_000)
    expect(health('a')).toMatchObject({ ready: false, failures: 3, lastError: 'refused' })
    expect(changes).toEqual(['a ready', 'a unready'])
  })

  test('makes ready again on one good answer, and keeps the first time for ever', async () => {
    const { clock, prober, target, say, health, changes } = world()
    prober.setTargets([target('a')])
    await clock.advance(1)
    const { firstReadyAt } = health('a')
    say('a', REFUSED)
    await clock.advance(20_000)
    say('a', READY)
    await clock.advance(5_000)
    expect(health('a')).toMatchObject({ ready: true, firstReadyAt })
    expect(health('a').readySince).toBeGreaterThan(firstReadyAt ?? 0)
    expect(changes).toEqual(['a ready', 'a unready', 'a ready'])
  })

  test('sees an engine that hangs, within failures times interval and one timeout', async () => {
    const { clock, prober, target, say, health } = world()
    prober.setTargets([target('a'), target('b')])
    await clock.advance(10_000)
    say('a', 'hang')
    await clock.advance(17_001)
    expect(health('a')).toMatchObject({ ready: false, failures: 3 })
    expect(health('b').ready).toBe(true)
  })

  test('remembers what the store knows of readiness, without taking it for readiness now', async () => {
    const { clock, prober, target, say, health } = world()
    say('a', REFUSED)
    prober.setTargets([target('a', { firstReadyAt: 42 })])
    expect(health('a')).toMatchObject({ ready: false, firstReadyAt: 42, failures: 0 })
    await clock.advance(4_999)
    // At the user's pace, not at that of a starting engine: three quick failures would condemn it in half a second.
    expect(health('a')).toMatchObject({ failures: 1, firstReadyAt: 42 })
  })

  test('I9: concludes nothing from failures on our own side', async () => {
    const { clock, prober, target, say, health, changes } = world()
    prober.setTargets([target('a')])
    await clock.advance(10_000)
    say('a', BLIND)
    await clock.advance(600_000)
    expect(health('a')).toMatchObject({ ready: true, failures: 0, lastError: 'EMFILE' })
    expect(health('a').blindSince).toBeDefined()
    expect(changes).toEqual(['a ready'])
    say('a', READY)
    await clock.advance(5_000)
    expect(health('a')).toMatchObject({ blindSince: undefined, lastError: '' })
  })

  test.each(
    [2, 3].flatMap((failures) =>
      [3_000, 11_000, 16_500, 19_000, 21_500, 23_000].map((outageMs) => ({ failures, outageMs })),
    ),
  )(
    'I9: condemns nobody when all fall silent at once for $outageMs ms, $failures failures allowed',
    async ({ failures, outageMs }) => {
      const settings = { ...SETTINGS, failures }
      const { clock, prober, target, say, health, changes } = world()
      // One was adopted and has not answered this process yet: its second failure comes too early to compare.
      const names = failures === 2 ? ['a', 'b', 'c'] : ['a', 'b', 'c', 'd']
      say('d', 'hang')
      for (const [i, name] of names.entries()) {
        prober.setTargets(
          names.slice(0, i + 1).map((one) => target(one, { firstReadyAt: 1, settings })),
        )
        await clock.advance(1_100)
        expect(health(name).ready).toBe(name !== 'd')
      }
      for (const name of names) say(name, 'hang')
      await clock.advance(outageMs)
      for (const name of names) expect(health(name).failures).toBeLessThan(failures)
      for (const name of names) say(name, READY)
      await clock.advance(7_100)
      for (const name of names) expect(health(name)).toMatchObject({ ready: true, failures: 0 })
      expect(changes.filter((change) => change.endsWith('unready'))).toEqual([])
    },
  )

  test('L1: believes a silence of all that lasts', async () => {
    const { clock, prober, target, say, health } = world()
    prober.setTargets([target('a'), target('b')])
    await clock.advance(10_000)
    say('a', 'hang')
    say('b', 'hang')
    await clock.advance(45_000)
    expect(health('a').ready).toBe(false)
    expect(health('b').ready).toBe(false)
  })

  test('believes refusals of all at once, for they come from the engines', async () => {
    const { clock, prober, target, say, health } = world()
    prober.setTargets([target('a'), target('b')])
    await clock.advance(10_000)
    say('a', REFUSED)
    say('b', REFUSED)
    await clock.advance(15_000)
    expect(health('a').ready).toBe(false)
    expect(health('b').ready).toBe(false)
  })

  test('begins anew when the address changes, forgets what is gone, and never leaks a timer', async () => {
    const { clock, prober, target, say, health, asked } = world()
    prober.setTargets([target('a'), target('b')])
    await clock.advance(10_000)
    const { firstReadyAt } = health('a')
    say('elsewhere', 'hang')
    prober.setTargets([target('a', { url: 'http://elsewhere' })])
    expect(health('a')).toMatchObject({ ready: false, firstReadyAt, failures: 0 })
    expect(health('b').firstReadyAt).toBeUndefined()
    asked.length = 0
    await clock.advance(20_000)
    expect(new Set(asked.map(({ url }) => url))).toEqual(new Set(['http://elsewhere']))
    prober.setTargets([])
    await clock.settle()
    expect(clock.pending).toBe(0)
  })

  test('heeds changed settings from the next probe on, and a shorter interval at once', async () => {
    const { clock, prober, target, asked } = world()
    const slow = { ...SETTINGS, intervalMs: 600_000 }
    prober.setTargets([target('a', { settings: slow })])
    await clock.advance(10_000)
    expect(asked).toHaveLength(1)
    prober.setTargets([target('a')])
    await clock.advance(10_000)
    expect(asked.length).toBeGreaterThanOrEqual(2)
  })

  test('never has more probes under way than allowed, and starves nobody', async () => {
    const { clock, prober, target, say, health, mostUnderWay } = world(4)
    const hanging = Array.from({ length: 12 }, (_, i) => `h${i}`)
    for (const name of hanging) say(name, 'hang')
    prober.setTargets([...hanging, 'a'].map((name) => target(name)))
    await clock.advance(10_000)
    expect(mostUnderWay()).toBe(4)
    expect(health('a').ready).toBe(true)
  })

  describe('asks an engine about its network', () => {
    test('with every third probe once it is ready, and never unless told to', async () => {
      const { clock, prober, target, asked, say } = world()
      for (const name of ['a', 'b', 'c']) say(name, name === 'b' ? REFUSED : CONNECTED)
      prober.setTargets([
        target('a', { network: 'seldom' }),
        target('b', { network: 'seldom' }),
        target('c'),
      ])
      await clock.advance(100_000)
      const asks = (name: string) =>
        asked.filter(({ url }) => url === `http://${name}`).map(({ network }) => network === true)
      expect(asks('a').slice(0, 8)).toEqual([false, true, false, false, true, false, false, true])
      expect(asks('b')).not.toContain(true)
      expect(asks('c')).not.toContain(true)
    })

    test('at once, and with every probe, while something is in doubt', async () => {
      const { clock, prober, target, asked, say } = world()
      say('a', CONNECTED)
      prober.setTargets([target('a', { network: 'seldom' })])
      await clock.advance(21_000)
      asked.length = 0
      prober.setTargets([target('a', { network: 'often' })])
      await clock.advance(1)
      expect(asked).toMatchObject([{ network: true }])
      prober.setTargets([target('a', { network: 'often' })])
      await clock.advance(20_000)
      expect(asked.length).toBeLessThan(7)
      expect(asked.every(({ network }) => network)).toBe(true)
    })

    test('keeps since when it says so and when it last did, and wakes when it says otherwise', async () => {
      const { clock, prober, target, health, say, changes } = world()
      say('a', CONNECTED)
      prober.setTargets([target('a', { network: 'often' })])
      await clock.advance(30_000)
      const first = health('a').network
      expect(first).toMatchObject({ connected: true })
      expect((first?.at ?? 0) - (first?.since ?? 0)).toBeGreaterThanOrEqual(20_000)
      say('a', CUT_OFF)
      await clock.advance(5_000)
      const second = health('a').network
      expect(second).toMatchObject({ connected: false, since: second?.at })
      await clock.advance(10_000)
      expect(health('a')).toMatchObject({ ready: true, network: { since: second?.since } })
      expect(changes).toEqual(['a ready', 'a connected', 'a disconnected'])
    })

    test('I9: silence, errors and builds that do not know the question take no word back', async () => {
      const { clock, prober, target, health, say, changes } = world()
      say('a', READY)
      prober.setTargets([target('a', { network: 'often' })])
      await clock.advance(30_000)
      expect(health('a').network).toBeUndefined()
      say('a', CONNECTED)
      await clock.advance(10_000)
      const word = health('a').network
      for (const result of [READY, REFUSED, BLIND]) {
        say('a', result)
        await clock.advance(10_000)
      }
      expect(health('a').network).toMatchObject({ connected: true, since: word?.since })
      expect(health('a').network?.at).toBeLessThanOrEqual((word?.at ?? 0) + 5_000)
      expect(changes).not.toContain('a disconnected')
    })
  })

  test('does nothing any more once closed', async () => {
    const { clock, prober, target, say, asked } = world()
    say('a', 'hang')
    prober.setTargets([target('a'), target('b')])
    await clock.settle()
    await prober[Symbol.asyncDispose]()
    const before = asked.length
    prober.setTargets([target('c')])
    await clock.advance(60_000)
    expect(asked.length).toBe(before)
    expect(clock.pending).toBe(0)
  })
})
