import type { Clock } from '../time/clock.ts'
import type { DataDirLock } from './data-dir.ts'

/** How often an idle process looks whether its lock still stands, ms: two system calls. */
const LOOK_MS = 1_000

/**
 * Resolves when aborted; rejects with LeaseLost soon after the lock is gone. Acting is fenced without this: it is so
 * that a process which can never act again ends, and is started anew, instead of looking alive.
 */
export async function watchLock(
  lock: Pick<DataDirLock, 'assertHeld'>,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    lock.assertHeld()
    await clock.sleep(LOOK_MS, signal).catch(() => {})
  }
}
