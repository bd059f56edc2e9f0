import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openEmbeddedBench } from '../conformance/store/embedded-bench.ts'
import { anySteps, replaySessions } from '../conformance/store/replay.ts'
import { reserveFor } from '../conformance/store/reserve-for.ts'
import { draining, FLEET, id, leadFrom, T0 } from '../conformance/store/sample.ts'

/*
 * Beside the conformance suite, for only the embedded store's time is invented: a test cannot put back the clock of a
 * Redis server, nor wait for minutes.
 */

const TTL = 15_000

it('keeps what lapsed lapsed when the wall clock steps back (I3)', async () => {
  await using bench = await openEmbeddedBench(':memory:')
  await reserveFor(bench, 'r')
  await bench.pass(TTL + 1)
  expect(await reserveFor(bench, 's')).toBe('reserved')
  bench.setClock(-TTL)
  const { streams } = await bench.store.readFleet(FLEET, bench.now())
  expect(streams.get(id('a'))).toMatchObject({ active: 1 })
  expect(await reserveFor(bench, 'r')).toBe('full')
})

it('forgets what lapsed long ago', async () => {
  await using bench = await openEmbeddedBench(':memory:')
  await reserveFor(bench, 'r', { maxStreams: 2 })
  await bench.store.mark(FLEET, draining(await leadFrom(bench.store)))
  await bench.pass(3_600_000)
  await reserveFor(bench, 'x', { containerId: id('b') })
  expect(await reserveFor(bench, 'r', { maxStreams: 2 })).toBe('marked')
})

it('grants a place to the very ms at which it lapses, and no ms longer (I3)', async () => {
  await using bench = await openEmbeddedBench(':memory:')
  await reserveFor(bench, 'r')
  await bench.pass(TTL - 1)
  expect(await reserveFor(bench, 's')).toBe('full')
  await bench.pass(1)
  expect(await reserveFor(bench, 's')).toBe('reserved')
})

it('is young for no longer than a reservation lives, though the clock was put back after its birth', async () => {
  await using bench = await openEmbeddedBench(':memory:')
  bench.setClock(-3_600_000)
  expect(await reserveFor(bench, 'r', { state: 'pending' })).toBe('unsettled')
  expect((await bench.store.readFleet(FLEET, T0)).bornAt).toBe(T0 - 3_600_000)
  await bench.pass(TTL)
  expect(await reserveFor(bench, 'r', { state: 'pending' })).toBe('reserved')
})

it.each([-3_600_000, 3_600_000])(
  'counts sessions and their bytes as before when the clock is set by %i ms, and they lapse in their time (I3, I5)',
  async (stepMs) => {
    await using bench = await openEmbeddedBench(':memory:', 'settled')
    await reserveFor(bench, 'r', { lastBytesAt: bench.now() })
    bench.setClock(stepMs)
    const { store } = bench
    const read = async () => (await store.readFleet(FLEET, bench.now())).streams.get(id('a'))
    expect(await read()).toEqual({ active: 1, pending: 0, lastBytesAt: bench.now() })
    expect(await reserveFor(bench, 's')).toBe('full')
    await bench.pass(TTL)
    expect(await read()).toEqual({ active: 0, pending: 0, lastBytesAt: bench.now() - TTL })
    expect(await reserveFor(bench, 's')).toBe('reserved')
  },
)

it('keeps back-off, first answers, a rollout and cures as long ago as they were when the clock is set', async () => {
  await using bench = await openEmbeddedBench(':memory:')
  const { store } = bench
  const epoch = await leadFrom(store)
  await store.setBackoff(FLEET, epoch, '0', {
    ...{ failures: 2, notBefore: T0 + 8_000.5, containerId: id('a') },
  })
  await store.noteReady(FLEET, epoch, id('a'), T0)
  await store.setRollout(FLEET, epoch, {
    ...{ specHash: 'h', failedStarts: 1, lastFailure: "it's 1", lastFailureAt: T0 },
  })
  const cure = {
    tries: 1,
    begunAt: T0,
    notBefore: T0 + 5,
    generation: 'g',
    specHash: 'h',
    failure: '',
  }
  await store.setNodeNote(FLEET, epoch, 'a', {
    ...{ hadPort: true, cures: { vpn: { ...cure, resumeAt: T0 + 7, endedAt: undefined } } },
  })
  bench.setClock(-60_000)
  const memory = await store.readFleet(FLEET, bench.now())
  expect(memory.backoff.get('0')?.notBefore).toBe(T0 - 60_000 + 8_000.5)
  expect(memory.engines.get(id('a'))?.firstReadyAt).toBe(T0 - 60_000)
  expect(memory.rollout).toMatchObject({ lastFailureAt: T0 - 60_000, lastFailure: "it's 1" })
  expect(memory.nodes.get('a')?.cures.vpn).toMatchObject({
    ...{ begunAt: T0 - 60_000, notBefore: T0 - 59_995, resumeAt: T0 - 59_993 },
  })
})

it('never exceeds maxStreams, and loses nobody, in any interleaving of calls and time (I3)', async () => {
  const steps = anySteps(['reserve', 'reserve', 'reserve', 'release', 'wait'])
  await fc.assert(
    fc.asyncProperty(steps, async (some) => {
      await using bench = await openEmbeddedBench(':memory:')
      await replaySessions(bench, FLEET, some)
    }),
    { numRuns: 60 },
  )
})
