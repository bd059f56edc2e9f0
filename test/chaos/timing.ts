/** How leases are kept in a block of rounds. */
export interface ChaosTiming {
  readonly ttlMs: number
  readonly renewMs: number
}

/** Near the shortest that acefleet takes, so that a pause of three ttl costs little time. */
export const SHORT: ChaosTiming = { ttlMs: 2_500, renewMs: 500 }
/** acefleet's defaults. */
export const DEFAULT: ChaosTiming = { ttlMs: 6_000, renewMs: 2_000 }
