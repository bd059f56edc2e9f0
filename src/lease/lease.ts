/** The number of a leader's term; it only grows (fencing token). */
export type Epoch = number & { readonly brand: 'Epoch' }

/**
 * The right to act on one fleet, for one term. Whoever has no lease in hand can not change the world: the mutating
 * half of the Docker port takes one.
 */
export interface Lease {
  readonly fleet: string
  /** This term's epoch. */
  readonly epoch: Epoch
  /**
   * Synchronous; stands in the same tick as the call that it guards.
   * @throws {LeaseLost}
   */
  assertHeld(): void
  /** Aborted when the lease is known to be lost. Cancels waiting; no fence: only assertHeld is. */
  readonly lost: AbortSignal
}

/** A campaign won: who holds this may open a term. Not yet a {@link Lease}, for the epoch needs a look at the store and the labels. */
export interface Tenure {
  readonly fleet: string
  assertHeld(): void
  readonly lost: AbortSignal
  /** ms until the right lapses unless renewed; Infinity where nothing lapses. */
  remainingMs(): number
  /** The largest epoch that those who gave the right remember, beside the store; 0 for none. May reject; then ask again. */
  epochFloor(): Promise<number>
  /**
   * Has them remember this term's epoch. False when they have heard of the same or a later one: the term must be opened
   * anew, above that. May reject; then open anew as well.
   */
  witness(epoch: Epoch): Promise<boolean>
  /** Gives the right back at once. Idempotent. */
  release(): Promise<void>
}

/** Where leases come from: the data directory's lock, or Redlock. */
export interface LeaseSource {
  /** Waits until this process holds the right to act on the fleet. Rejects with the signal's reason when aborted. */
  campaign(fleet: string, signal: AbortSignal): Promise<Tenure>
}

/** Thrown when a change is attempted without a lease held in that very tick. Nothing was sent. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
  readonly code = 'ACE_LEASE_LOST'
}

/** The first epoch of a term, DESIGN "Leadership and fencing": grows also when the store forgets. */
export function nextEpoch(stored: number, largestLabel: number, nowMs: number): Epoch {
  return Math.max(stored + 1, largestLabel + 1, nowMs) as Epoch
}
