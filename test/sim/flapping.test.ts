import { describe, expect, it } from 'vitest'
import { type FlappingRun, flap, type Rate } from './flapping.ts'

const MINUTE_MS = 60_000
/** How often a node is of use within an hour however it falls (src/vpn/flapping.test.ts), times the engines that may move for it. */
const MOST_CREATED = 18 * 4

async function sound(rate: Rate, forMs: number): Promise<FlappingRun> {
  const run = await flap(rate, forMs)
  if (run.violations.length > 0) console.log(run.trace.join('\n'))
  // With it: when it stands again it has its share (I4, L1).
  expect(run.violations).toEqual([])
  return run
}

describe('a node that falls and returns again and again', () => {
  it('within its grace moves nothing, and has its share when it stands again (I4, L1)', async () => {
    const { created, falls } = await sound({ downMs: 200, upMs: 6_000 }, 8 * MINUTE_MS)
    expect(falls).toBeGreaterThan(60)
    expect(created).toBe(0)
  })

  it('beyond its grace moves its engines once, is held for longer each time, and says until when (I4, L1)', async () => {
    const run = await sound({ downMs: 12_000, upMs: 12_000 }, 15 * MINUTE_MS)
    expect(run.falls).toBeGreaterThan(30)
    // Out, and back at the first return, which counts at once; then out for good.
    expect(run.created).toBeLessThanOrEqual(4 * 3)
    expect(run.reasons).toContain('Flapping')
    expect(run.longestHoldMs).toBeGreaterThan(4 * MINUTE_MS)
    expect(run.longestHoldMs).toBeLessThanOrEqual(5 * MINUTE_MS)
  })

  it('in the worst moment each time moves engines no more often than the holds allow (I4, L1)', async () => {
    const { created, falls } = await sound({ downMs: 8_000, upMs: 'used' }, 60 * MINUTE_MS)
    expect(falls).toBeLessThanOrEqual(18)
    expect(falls).toBeGreaterThan(10)
    expect(created).toBeLessThanOrEqual(MOST_CREATED)
  })
})
