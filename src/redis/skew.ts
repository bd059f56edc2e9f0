/** Clocks that differ by less are taken for the same, ms: more than replicas in good order ever differ, far less than any expiry. */
export const TOLERANCE_MS = 250

/** One look at the server's clock. */
export interface ClockReading {
  /** What the server said, Unix ms. */
  readonly serverMs: number
  /** Our wall clock when the answer came, Unix ms. */
  readonly oursMs: number
  /** How long the question took, by a clock that never steps. */
  readonly roundTripMs: number
}

/**
 * Server's clock minus ours, ms, after one more look: what was known stands unless the look shows it to be wrong, so that
 * times computed with it do not tremble. A look tells no more than its round trip allows.
 */
export function moveSkew(knownMs: number, { serverMs, oursMs, roundTripMs }: ClockReading): number {
  const doubtMs = TOLERANCE_MS + roundTripMs / 2
  const seenMs = Math.round(serverMs - (oursMs - roundTripMs / 2))
  if (Math.abs(seenMs - knownMs) <= doubtMs) return knownMs
  return Math.abs(seenMs) <= doubtMs ? 0 : seenMs
}
