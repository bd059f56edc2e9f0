import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { afterJudgement, type FlapMemory, NEVER_FLAPPED } from './flapping.ts'

type State = Parameters<typeof afterJudgement>[1]

const T0 = 10_000_000

function tell(...story: readonly (readonly [number, State])[]): FlapMemory {
  return story.reduce(
    (memory, [ms, state]) => afterJudgement(memory, state, T0 + ms),
    NEVER_FLAPPED,
  )
}

/** A fall and a return at each of these times. */
const falls = (...times: readonly number[]) =>
  times.flatMap((ms): [number, State][] => [
    [ms, 'down'],
    [ms + 1_000, 'up'],
  ])

describe('a node that comes back', () => {
  test('counts at once the first time within an hour, then after 10 s, 20 s … and at most 5 min', () => {
    const holds = [0, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]
    for (const [i, hold] of holds.entries()) {
      const times = Array.from({ length: i + 1 }, (_, k) => k * 60_000)
      const { heldUntil } = tell([-1, 'up'], ...falls(...times))
      expect(heldUntil - (T0 + i * 60_000 + 1_000)).toBe(hold)
    }
  })

  test('counts at once again when its falls are more than an hour old', () => {
    const { heldUntil } = tell([-1, 'up'], ...falls(0, 60_000, 120_000, 3_800_000))
    expect(heldUntil).toBe(T0 + 3_801_000)
  })

  test('I9: did not fall when nothing was known of it, or when it was never up', () => {
    expect(
      tell([0, 'up'], [1, 'unknown'], [2, 'up'], [3, 'unknown'], [4, 'degraded']).downs,
    ).toEqual([])
    expect(
      tell([0, 'down'], [1, 'up'], [2, 'down'], [3, 'unknown'], [4, 'down'], [5, 'up']),
    ).toEqual({ known: 'stands', downs: [T0 + 2], heldUntil: T0 + 5 })
  })

  test('I9: is not held anew when it only could not be judged for a while', () => {
    const { heldUntil } = tell(
      ...([[-1, 'up'], ...falls(0, 60_000), [200_000, 'unknown'], [201_000, 'up']] as const),
    )
    expect(heldUntil).toBe(T0 + 71_000)
  })

  test('L1: is held for 5 min at most, whatever it did', () => {
    const states = fc.constantFrom<State>('up', 'degraded', 'down', 'unknown')
    const story = fc.array(fc.tuple(fc.integer({ min: 0, max: 600_000 }), states))
    fc.assert(
      fc.property(story, (steps) => {
        let now = T0
        let memory = NEVER_FLAPPED
        for (const [ms, state] of steps) {
          now += ms
          memory = afterJudgement(memory, state, now)
          expect(memory.heldUntil).toBeLessThanOrEqual(now + 300_000)
          expect(afterJudgement(memory, state, now)).toEqual(memory)
        }
      }),
    )
  })
})
