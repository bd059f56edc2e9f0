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
  /** The largest epoch of this fleet that this process has met, its own included; 0 when there is none. */
  readonly largestSeen: number
  readonly clock: Pick<Clock, 'now'>
}

/** Thrown when epochs of others kept coming in between while a term was to be opened. Open it anew, above those. */
export class EpochContested extends Error {
  override readonly name = 'EpochContested'
  readonly code = 'ACE_LEASE_EPOCH_CONTESTED'
}

/** Each attempt begins above all that are known: only another one that opens at the same time makes it fail. */
const ATTEMPTS = 5

/**
 * Makes a campaign that was won into a lease: opens a term above every epoch that anybody remembers (the store, those
 * who gave the right, the labels, this process, the clock), and has it remembered before it begins. The lease is held
 * exactly as long as the tenure. An epoch that comes to nothing is spent, which is harmless.
 * @throws {LeaseLost} when the tenure was lost meanwhile.
 * @throws {StoreUnavailable}
 * @throws {LeaseServersAway}
 * @throws {EpochContested}
 */
export async function openTerm(options: TermOptions): Promise<Lease> {
  const { tenure, store, holder, clock } = options
  let floor = Math.max(options.largestLabel, options.largestSeen)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    tenure.assertHeld()
    floor = Math.max(floor, await tenure.epochFloor())
    tenure.assertHeld()
    const epoch = await store.openTerm(tenure.fleet, holder, floor, clock.now())
    tenure.assertHeld()
    const isTaken = await tenure.witness(epoch)
    tenure.assertHeld()
    if (isTaken)
      return {
        fleet: tenure.fleet,
        epoch,
        assertHeld: () => tenure.assertHeld(),
        lost: tenure.lost,
      }
    floor = Math.max(floor, epoch)
  }
  throw new EpochContested(
    `fleet ${tenure.fleet}: ${ATTEMPTS} epochs in a row were taken by others, the last was ${floor}`,
  )
}
