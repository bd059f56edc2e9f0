/** Trusts the timer that aborts the lease: after a pause other things may come first. */
import type { Tenure } from '../../../src/lease/lease.ts'
import { keepTenure as keep } from '../../../src/lease/tenure.ts'

export function keepTenure(...args: Parameters<typeof keep>): Tenure {
  const tenure = keep(...args)
  return {
    ...tenure,
    assertHeld() {
      if (tenure.lost.aborted) throw tenure.lost.reason
    },
  }
}
