import { describe, expect, it } from 'vitest'
import { setClock, WHOSE_CLOCKS } from './set-clock.ts'

const DRAIN_MS = 600_000
/** From the end of a drain to that of its engine: looks are 2 s apart, one engine after the other. */
const SLACK_MS = 90_000
const STEPS_MS = [3_600_000, 9_000, -300_000, -3_600_000]

describe('a drain ends neither before its timeout (I5) nor long after it when the clock is set', () => {
  for (const whose of WHOSE_CLOCKS)
    it.each(STEPS_MS)(`${whose}, by %i ms`, async (stepMs) => {
      const { violations, drained, tookMs, trace } = await setClock(whose, stepMs)
      if (violations.length > 0) console.log(trace.join('\n'))
      expect(violations).toEqual([])
      expect(drained).toBeGreaterThan(0)
      expect(tookMs).toBeGreaterThanOrEqual(DRAIN_MS)
      // Who only hears of the server's clock does not know whether a mark was written anew.
      const mostMs = whose === "the store's server's" ? 2 * DRAIN_MS : DRAIN_MS
      expect(tookMs).toBeLessThan(mostMs + SLACK_MS)
    })
})

it.each(["the machine's, with all on it", "the store's server's"] as const)(
  'is cut short by who trusts wall clocks: %s (I5)',
  async (whose) => {
    const { violations } = await setClock(whose, 3_600_000, { trustsWallClocks: true })
    expect(violations).toContainEqual(expect.stringMatching(/^I5: .* stops /))
  },
)
