import { describe, expect, it, vi } from 'vitest'
import type { Stopwatch } from '../../../src/lease/stopwatch.ts'
import type { Clock } from '../../../src/time/clock.ts'
import { believesOneClock, countedFromReply, timerOnly, unwitnessed } from './lease-bugs.ts'
import { firstViolation, type Kind, liveThroughAny } from './lease-histories.ts'

/** The newest stopwatch on each clock, and how it is started anew: no port shows when a lease is counted from. */
const newest = vi.hoisted(() => new WeakMap<object, () => void>())

vi.mock('../../../src/lease/stopwatch.ts', async (importOriginal) => {
  const real = await importOriginal<typeof import('../../../src/lease/stopwatch.ts')>()
  const startStopwatch = (clock: Clock): Stopwatch => {
    let watch = real.startStopwatch(clock)
    newest.set(clock, () => {
      watch = real.startStopwatch(clock)
    })
    return { elapsedMs: () => watch.elapsedMs() }
  }
  return { startStopwatch }
})

const fromReply = countedFromReply((clock) => newest.get(clock)?.())

/** What may befall a lease, and what then still holds. */
const KINDS = [
  { title: 'servers that remember, wall clocks that step', isExclusive: true, stepsWalls: true },
  { title: 'machines that are suspended', isExclusive: true, suspends: true },
  { title: 'a store that forgets', isExclusive: true, stepsWalls: true, storeForgets: true },
  {
    title: 'lease servers that forget, a store that remembers',
    ...{ isExclusive: false, stepsWalls: true, forgets: true },
  },
  {
    title: 'nobody who remembers but the clocks',
    ...{ isExclusive: false, forgets: true, storeForgets: true },
  },
  {
    title: 'nobody who remembers but the labels',
    ...{ isExclusive: false, forgets: true, storeForgets: true, stepsWalls: true, labelsAll: true },
  },
] as const satisfies readonly Kind[]

/** Histories take their time beside other tests. */
vi.setConfig({ testTimeout: 120_000 })

describe('leases under faults (I6, I7)', () => {
  it.each(KINDS)(
    'keep their promises with $title, and somebody leads when faults end',
    async (kind) => {
      await liveThroughAny(kind)
    },
  )
})

describe('keepers that are wrong are found out', () => {
  it.each([
    ['only a timer ends the lease', timerOnly, 'I7', KINDS[0]],
    ['the lease is counted from the answer', fromReply, 'hold the lease at once', KINDS[0]],
    ['the wall clock is not believed', believesOneClock, 'hold the lease at once', KINDS[1]],
    [
      'a term begins though no server has taken its epoch',
      unwitnessed,
      'begins after epoch',
      KINDS[2],
    ],
  ] as const)('%s', async (_, bug, violation, kind) => {
    expect(await firstViolation({ ...kind, bug })).toContain(violation)
  })
})
