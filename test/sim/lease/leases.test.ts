import { describe, expect, it } from 'vitest'
import { believesOneClock, countedFromReply, timerOnly, unwitnessed } from './lease-bugs.ts'
import { firstViolation, type Kind, liveThroughAny } from './lease-histories.ts'

/** What may befall a lease, and what then still holds. */
const KINDS: readonly Kind[] = [
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
]

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
    ['the lease is counted from the answer', countedFromReply, 'I7', KINDS[0]],
    ['the wall clock is not believed', believesOneClock, 'I7', KINDS[1]],
    ['a term begins though no server has taken its epoch', unwitnessed, 'I6', KINDS[2]],
  ] as const)('%s', async (_, bug, invariant, kind) => {
    if (kind === undefined) throw new Error('there is no such kind')
    expect(await firstViolation({ ...kind, bug })).toContain(invariant)
  })
})
