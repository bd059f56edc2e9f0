import type { Store } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import type { Lease, Tenure } from './lease.ts'

export interface TermOptions {
  readonly tenure: Tenure
  readonly store: Pick<Store, 'openTerm'>
  /** Who leads, for people: `host:pid`. */
  readonly holder: string
  /** The largest `acefleet.epoch` on containers of ours; 0 when there is none. */
  readonly largestLabel: number
  readonly clock: Pick<Clock, 'now'>
}

/**
 * Makes a campaign that was won into a lease: opens a term in the store, above every epoch that is known. The lease is
 * held exactly as long as the tenure.
 * @throws {LeaseLost} when the tenure was lost meanwhile; the epoch is then spent for nothing, which is harmless.
 * @throws {StoreUnavailable}
 */
export async function openTerm(options: TermOptions): Promise<Lease> {
  const { tenure, store, holder, largestLabel, clock } = options
  tenure.assertHeld()
  const epoch = await store.openTerm(tenure.fleet, holder, largestLabel, clock.now())
  tenure.assertHeld()
  return {
    fleet: tenure.fleet,
    epoch,
    assertHeld: () => tenure.assertHeld(),
    lost: tenure.lost,
  }
}
