import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idOf, NOW } from '../../test/harness/scene.ts'
import type { Backoff } from '../store/store.ts'
import { afterFailure } from './backoff.ts'

const MINUTE_MS = 60_000

/** The waits after so many failures in a row, each of another container. */
function waits(count: number, readySince?: number): readonly number[] {
  let record: Backoff | undefined
  return Array.from({ length: count }, (_, index) => {
    record = afterFailure(record, idOf(`engine ${index}`), readySince, NOW)
    return record.notBefore - NOW
  })
}

describe('the back-off of a slot', () => {
  it('lets the first replacement come at once, and doubles from a second on, ± 20 %', () => {
    const [first, ...others] = waits(8)
    expect(first).toBe(0)
    for (const [n, wait] of others.entries()) {
      expect(wait).toBeGreaterThanOrEqual(800 * 2 ** n)
      expect(wait).toBeLessThanOrEqual(1_200 * 2 ** n)
    }
  })

  it('never waits more than 5 minutes, ± 20 %', () => {
    for (const wait of waits(60).slice(12)) {
      expect(wait).toBeGreaterThanOrEqual(4 * MINUTE_MS)
      expect(wait).toBeLessThanOrEqual(6 * MINUTE_MS)
    }
  })

  it('spreads engines that fail together', () => {
    const before = { failures: 5, notBefore: NOW, containerId: idOf('before') }
    const spread = Array.from({ length: 20 }, (_, n) =>
      afterFailure(before, idOf(`engine ${n}`), undefined, NOW),
    )
    expect(new Set(spread.map(({ notBefore }) => notBefore)).size).toBeGreaterThan(15)
  })

  it('begins anew when the engine was ready for 10 minutes', () => {
    const before = { failures: 7, notBefore: NOW - MINUTE_MS, containerId: idOf('before') }
    const failed = (readyForMs: number) => afterFailure(before, idOf('x'), NOW - readyForMs, NOW)
    expect(failed(10 * MINUTE_MS)).toMatchObject({ failures: 1, notBefore: NOW })
    expect(failed(10 * MINUTE_MS - 1).failures).toBe(8)
  })

  it('counts one container once, however often it is looked at', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(1_000_000), (failures, laterMs) => {
        const id = idOf('dead')
        const record = afterFailure(
          { failures, notBefore: NOW, containerId: idOf('other') },
          id,
          undefined,
          NOW,
        )
        expect(afterFailure(record, id, undefined, NOW + laterMs)).toBe(record)
      }),
    )
  })
})
