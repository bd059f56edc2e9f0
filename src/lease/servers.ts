/** Thrown when no majority of the lease servers answered. What was asked may have been done all the same. */
export class LeaseServersAway extends Error {
  override readonly name = 'LeaseServersAway'
  readonly code = 'ACE_LEASE_SERVERS_AWAY'
}

/** A lease that a majority of the servers granted to this process. Its ttl counts from before it was asked for. */
export interface Grant {
  /**
   * One attempt to have it stand for another `ttlMs` from now. `lost`: a majority says that it is ours no more.
   * @throws {LeaseServersAway} when neither is known.
   */
  extend(ttlMs: number): Promise<'extended' | 'lost'>
  /** One attempt to give it back. Never rejects: what is not given back lapses. */
  release(): Promise<void>
}

/**
 * The servers that keep leases, as one: N = 1, 3 or 5 of them, and what a majority says counts. Each call is one attempt
 * without retries, and ends within the limit that its adapter sets. Names are fleets'.
 */
export interface LeaseServers {
  /** Undefined when somebody else holds the lease. @throws {LeaseServersAway} */
  acquire(name: string, ttlMs: number): Promise<Grant | undefined>
  /** The largest epoch that any of a majority remembers; 0 for none. @throws {LeaseServersAway} */
  readEpoch(name: string): Promise<number>
  /**
   * Has each server remember the epoch if it is above what it remembers. True when a majority took it; false when too
   * many know of the same or a later one. Asking again with the same epoch is a new question.
   * @throws {LeaseServersAway}
   */
  raiseEpoch(name: string, epoch: number): Promise<boolean>
}
