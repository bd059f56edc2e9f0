/** How a lease is kept. Made by {@link leaseTiming} only, which refuses what cannot work. */
export interface LeaseTiming {
  /** How long the servers keep a lease that nobody renews: the longest that a crash leaves a fleet alone, about. */
  readonly ttlMs: number
  /** From the beginning of one renewal to the beginning of the next. */
  readonly renewMs: number
  /** How long before the servers could hand the lease on its holder stops. */
  readonly marginMs: number
  /** How long one request to the servers may take. */
  readonly attemptMs: number
  /** Between two attempts of a standby, ± 20 %. */
  readonly pollMs: number
}

export interface LeaseTimingOptions {
  readonly ttlMs?: number | undefined
  readonly renewMs?: number | undefined
  readonly attemptMs?: number | undefined
  /** Never below what `leaseTiming` finds necessary; for measuring other keepers' settings. */
  readonly marginMs?: number | undefined
  readonly pollMs?: number | undefined
}

/** Thrown when a lease with these settings would be lost by one missed renewal, or could not be kept at all. */
export class UnusableLeaseTiming extends Error {
  override readonly name = 'UnusableLeaseTiming'
  readonly code = 'ACE_LEASE_TIMING'
}

/** DESIGN "Leadership and fencing": 6 s, renewed every 2 s; a request may take 0.4 s; standbys try twice a second. */
const DEFAULTS = { ttlMs: 6_000, renewMs: 2_000, attemptMs: 400, pollMs: 500 }

/** Of the ttl, covers a holder's clock and a server's that run apart, and a stall between the check and the call. */
const MARGIN_SHARE = 0.2

/** Requests that may take their whole time after the deadline: the one that was handed on, and the one after it. */
const MARGIN_ATTEMPTS = 2

/** The longest wait between a renewal that got no answer and the next, ms. */
export const LONGEST_RETRY_MS = 300

/** Beyond that a crash leaves a fleet alone for longer than people wait, ms. */
const LONGEST_TTL_MS = 5 * 60_000

function inSeconds(ms: number): string {
  return `${Math.ceil(ms) / 1_000}s`
}

/** What a holder needs between two renewals: the next one goes unanswered, and one more is asked in time. */
function roomFor(renewMs: number, attemptMs: number): number {
  return renewMs + attemptMs + LONGEST_RETRY_MS + attemptMs
}

function refuseWhere(isWrong: boolean, message: string): void {
  if (isWrong) throw new UnusableLeaseTiming(message)
}

function refuseImpossible(timing: LeaseTiming): void {
  for (const [name, ms] of Object.entries(timing))
    refuseWhere(!Number.isFinite(ms) || ms <= 0, `${name} ${ms} is no duration: it must be above 0`)
}

function refuseUnkeepable({ ttlMs, renewMs, attemptMs }: LeaseTiming): void {
  const roomMs = roomFor(renewMs, attemptMs)
  const leastTtlMs = Math.max(roomMs / (1 - MARGIN_SHARE), roomMs + MARGIN_ATTEMPTS * attemptMs)
  refuseWhere(
    renewMs < attemptMs,
    `--lease-renew ${inSeconds(renewMs)} is too short: one renewal may take ${inSeconds(attemptMs)}, ` +
      'and the next begins after it',
  )
  refuseWhere(
    ttlMs < leastTtlMs,
    `--lease-ttl ${inSeconds(ttlMs)} is too short for --lease-renew ${inSeconds(renewMs)}: at least ` +
      `${inSeconds(leastTtlMs)}, or one missed renewal would lose the lease`,
  )
  refuseWhere(
    ttlMs > LONGEST_TTL_MS,
    `--lease-ttl ${inSeconds(ttlMs)} is too long: at most ${inSeconds(LONGEST_TTL_MS)}, for a crash ` +
      'leaves the fleet alone that long',
  )
}

function refuseMargin({ ttlMs, renewMs, attemptMs, marginMs }: LeaseTiming, leastMs: number): void {
  const mostMs = Math.min(ttlMs - roomFor(renewMs, attemptMs), ttlMs / 2)
  refuseWhere(
    marginMs < leastMs || marginMs > mostMs,
    `a margin of ${inSeconds(marginMs)} does not fit a ttl of ${inSeconds(ttlMs)}: from ` +
      `${inSeconds(leastMs)} to ${inSeconds(mostMs)}`,
  )
}

/**
 * Settings that keep a lease through one missed renewal.
 * @throws {UnusableLeaseTiming} saying which setting is wrong and what would be right, as client-go's constructor does.
 */
export function leaseTiming(options: LeaseTimingOptions = {}): LeaseTiming {
  const ttlMs = options.ttlMs ?? DEFAULTS.ttlMs
  const renewMs = options.renewMs ?? DEFAULTS.renewMs
  const attemptMs = options.attemptMs ?? DEFAULTS.attemptMs
  const pollMs = options.pollMs ?? DEFAULTS.pollMs
  const leastMarginMs = Math.max(MARGIN_SHARE * ttlMs, MARGIN_ATTEMPTS * attemptMs)
  const marginMs = options.marginMs ?? leastMarginMs
  const timing = { ttlMs, renewMs, attemptMs, pollMs, marginMs }
  refuseImpossible(timing)
  refuseUnkeepable(timing)
  // What was not asked for fits: rounding must not say otherwise.
  if (options.marginMs !== undefined) refuseMargin(timing, leastMarginMs)
  return timing
}
