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
  await bench.pass(-TTL)
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
  await bench.pass(-3_600_000)
  expect(await reserveFor(bench, 'r', { state: 'pending' })).toBe('unsettled')
  expect((await bench.store.readFleet(FLEET, T0)).bornAt).toBe(T0 - 3_600_000)
  await bench.pass(TTL)
  expect(await reserveFor(bench, 'r', { state: 'pending' })).toBe('reserved')
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
