/** Thrown when the store did not answer or could not write. Running streams go on and nothing is stopped. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly code = 'ACE_STORE_UNAVAILABLE'
}

/** Thrown when a write carries an epoch below the one that has been opened since: the writer leads no more. */
export class StaleEpoch extends Error {
  override readonly name = 'StaleEpoch'
  readonly code = 'ACE_STORE_STALE_EPOCH'
}

/** Thrown when another process holds the data directory. The message names it. */
export class DataDirHeld extends Error {
  override readonly name = 'DataDirHeld'
  readonly code = 'ACE_STORE_HELD'
}
