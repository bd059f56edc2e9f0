import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { startStopwatch } from './stopwatch.ts'

function twoClocks() {
  const time = { wall: 1_000_000, monotonic: 50 }
  return {
    time,
    clock: { now: () => time.wall, monotonic: () => time.monotonic },
    pass(ms: number) {
      time.wall += ms
      time.monotonic += ms
    },
  }
}

describe('a stopwatch', () => {
  it('counts what passes', () => {
    const { clock, pass } = twoClocks()
    const watch = startStopwatch(clock)
    pass(700)
    expect(watch.elapsedMs()).toBe(700)
  })

  it('counts a suspended machine, whose monotonic clock stands still (I7)', () => {
    const { clock, time, pass } = twoClocks()
    const watch = startStopwatch(clock)
    time.wall += 9_000
    pass(100)
    expect(watch.elapsedMs()).toBe(9_100)
  })

  it('gains nothing by a wall clock that is stepped back, before or after it ran ahead (I7)', () => {
    const { clock, time, pass } = twoClocks()
    const watch = startStopwatch(clock)
    time.wall -= 3_600_000
    pass(100)
    expect(watch.elapsedMs()).toBe(100)
    time.wall += 3_603_000
    expect(watch.elapsedMs()).toBe(3_100)
    time.wall -= 3_000
    pass(100)
    expect(watch.elapsedMs()).toBe(3_200)
  })

  it('never runs back, and never tells less than either clock (I7)', () => {
    const steps = fc.array(fc.tuple(fc.nat(1_000), fc.integer({ min: -5_000, max: 5_000 })))
    fc.assert(
      fc.property(steps, (history) => {
        const { clock, time, pass } = twoClocks()
        const start = { ...time }
        const watch = startStopwatch(clock)
        let last = 0
        for (const [ms, step] of history) {
          pass(ms)
          time.wall += step
          const elapsed = watch.elapsedMs()
          expect(elapsed).toBeGreaterThanOrEqual(last)
          expect(elapsed).toBeGreaterThanOrEqual(time.monotonic - start.monotonic)
          expect(elapsed).toBeGreaterThanOrEqual(time.wall - start.wall)
          last = elapsed
        }
      }),
    )
  })
})
