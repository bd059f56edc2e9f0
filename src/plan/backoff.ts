import type { ContainerId } from '../docker/port.ts'
import type { Backoff } from '../store/store.ts'

const FIRST_MS = 1_000
const LONGEST_MS = 300_000
/** An engine that was ready this long has redeemed its place (DESIGN "Scaling and updates"). */
const RESET_AFTER_MS = 600_000

/** A fraction of -0.2 … 0.2 that follows from the id, so that planning twice decides the same. */
export function jitter(id: ContainerId): number {
  return (Number.parseInt(id.slice(0, 6), 16) / 0xffffff) * 0.4 - 0.2
}

/** The record of a slot whose engine just failed. The first replacement is immediate, back-off starts with the second. */
export function afterFailure(
  before: Backoff | undefined,
  id: ContainerId,
  readySince: number | undefined,
  now: number,
): Backoff {
  if (before?.containerId === id) return before
  const redeemed = readySince !== undefined && now - readySince >= RESET_AFTER_MS
  const failures = (redeemed ? 0 : (before?.failures ?? 0)) + 1
  const delay = failures === 1 ? 0 : Math.min(FIRST_MS * 2 ** (failures - 2), LONGEST_MS)
  return { failures, notBefore: Math.round(now + delay * (1 + jitter(id))), containerId: id }
}
