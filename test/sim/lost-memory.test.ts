import { describe, expect, it } from 'vitest'
import { loseMemory, MEMORY_LOSSES } from './lost-memory.ts'

/** Beside the renewals of viewers, which come every 5 s, and the lifetime of what they promise, 15 s. */
const LATER_MS = [0, 300, 2_000, 4_900, 5_100, 9_000, 14_900, 15_100]

describe('no viewer is cut off, nothing is promised twice (I3, I5), and the fleet gets smaller in the end (L1)', () => {
  for (const how of MEMORY_LOSSES)
    it(`when the store ${how}`, async () => {
      for (const afterMs of LATER_MS) {
        const { violations, before, after, isPublished, trace } = await loseMemory(how, afterMs)
        if (violations.length > 0) console.log(trace.join('\n'))
        expect(violations, `engines to go ${afterMs} ms later`).toEqual([])
        expect(before).toBeGreaterThan(2)
        expect(isPublished, 'claims know of engines').toBe(true)
        expect(after).toBeGreaterThanOrEqual(before)
      }
    })
})
