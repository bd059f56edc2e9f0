import type { CountedPort } from './forwarded-port.ts'

const HOUR_MS = 3_600_000

/**
 * When a node lost its forwarded port within the last hour, Unix ms, after one more word on it. A granted port that is
 * not granted any more is one loss, whether none or another came in its place; silence is none (I9), and neither is it
 * another loss when a different port follows on none. `before` is of the same generation.
 */
export function afterWord(
  losses: readonly number[],
  told: readonly number[] | undefined,
  before: CountedPort | undefined,
  now: number,
): readonly number[] {
  const recent = losses.filter((at) => now - at < HOUR_MS)
  const isGranted =
    before !== undefined && before.forwardedPort !== 0 && before.portLostAt === undefined
  const isLoss = isGranted && told !== undefined && !told.includes(before.forwardedPort)
  return isLoss ? [...recent, now] : recent
}
