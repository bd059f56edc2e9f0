import { expect, it } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { makeHolds } from './holds.ts'

it('holds for growing times, and asks to be looked at again when the first of them ends', async () => {
  const clock = makeVirtualClock()
  const holds = makeHolds(clock)
  holds.failed('a', 'no')
  holds.failed('b', 'no')
  holds.failed('b', 'no')
  expect(holds.nextEnd()).toBe(clock.now() + 1_000)
  await clock.advance(1_000)
  expect([holds.isHeld('a'), holds.isHeld('b')]).toEqual([false, true])
  expect(holds.nextEnd()).toBe(clock.now() + 1_000)
})

it('ends when its time is over, whatever the wall clock is set to meanwhile (L1)', async () => {
  const clock = makeVirtualClock()
  const holds = makeHolds(clock)
  holds.failed('a', 'no')
  clock.stepWall(3_600_000)
  expect(holds.isHeld('a')).toBe(true)
  clock.stepWall(-7_200_000)
  expect(holds.nextEnd()).toBe(clock.now() + 1_000)
  await clock.advance(1_000)
  expect(holds.isHeld('a')).toBe(false)
})
