import type { Clock } from '../time/clock.ts'

/** Time passed since it was started, by whichever clock ran further. */
export interface Stopwatch {
  /** ms; never less than at an earlier call. */
  elapsedMs(): number
}

/**
 * Starts one. The monotonic clock stands still while the machine is suspended, and the wall clock may be stepped: what
 * the wall clock was once seen to run ahead counts for good, and its stepping back gives nothing back. So it may tell
 * too much, and never less than either clock does.
 */
export function startStopwatch(clock: Pick<Clock, 'now' | 'monotonic'>): Stopwatch {
  const wallStart = clock.now()
  const start = clock.monotonic()
  let wallAheadMs = 0
  return {
    elapsedMs() {
      const passedMs = clock.monotonic() - start
      wallAheadMs = Math.max(wallAheadMs, clock.now() - wallStart - passedMs)
      return passedMs + wallAheadMs
    },
  }
}
