import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import { LeaseLost, type Tenure } from './lease.ts'
import type { Grant, LeaseServers } from './servers.ts'
import { type Stopwatch, startStopwatch } from './stopwatch.ts'
import { type LeaseTiming, LONGEST_RETRY_MS } from './timing.ts'

export interface TenureParts {
  readonly fleet: string
  readonly servers: LeaseServers
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly timing: LeaseTiming
  readonly log?: Logger | undefined
}

/** Waits at most this long for the servers when the lease is given back, ms: they forget it by themselves. */
const RELEASE_MS = 500

/** Of LONGEST_RETRY_MS: holders that lost the same server do not ask again in step. */
const RETRY_JITTER = 1 / 3

/** A timer that can be set anew; firing or setting it replaces what was set before. */
function makeAlarm(clock: Clock, ring: () => void) {
  let timer: Disposable | undefined
  const clear = () => timer?.[Symbol.dispose]()
  return {
    set(ms: number) {
      clear()
      // Whole ms, rounded up, and never 0: an alarm that rings early and is set anew must not spin.
      timer = clock.timer(Math.max(1, Math.ceil(ms)), ring)
    },
    clear,
  }
}

/** Resolves with the promise, or after so long. */
async function atMost(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  using _limit = clock.timer(ms, resolve)
  await Promise.race([work, promise])
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * Keeps a lease that was granted: renews it, and knows by itself when it is over. The right lasts from before the last
 * request that was granted was sent until its ttl minus the margin has passed, whatever timers and answers say.
 * `asked` was started before the grant was asked for.
 */
export function keepTenure(parts: TenureParts, grant: Grant, asked: Stopwatch): Tenure {
  const { fleet, servers, clock, random, timing, log } = parts
  const { ttlMs, renewMs, marginMs } = timing
  const lost = new AbortController()
  const deadline = makeAlarm(clock, watch)
  const renewal = makeAlarm(clock, () => void renew())
  let renewed = asked
  /** Why the last renewal failed; undefined when it did not. */
  let trouble: unknown
  let released: Promise<void> | undefined

  const leftMs = () => ttlMs - marginMs - renewed.elapsedMs()

  function lose(why: string, cause?: unknown): void {
    deadline.clear()
    renewal.clear()
    if (!lost.signal.aborted) lost.abort(new LeaseLost(`fleet ${fleet}: ${why}`, { cause }))
  }

  /** Finds out in this very tick, and tells all who wait. Once false it stays false. */
  function stands(): boolean {
    if (lost.signal.aborted) return false
    const left = leftMs()
    if (left > 0) return true
    const agoMs = Math.round(-left)
    const why =
      trouble === undefined
        ? 'no renewal was answered, or the process stood still'
        : textOf(trouble)
    lose(
      `the lease ran out ${agoMs} ms ago, ${Math.round(ttlMs - marginMs - left)} ms after it was asked for: ${why}`,
      trouble,
    )
    return false
  }

  function watch(): void {
    if (stands()) deadline.set(leftMs())
  }

  function retrySoon(error: unknown): void {
    if (trouble === undefined)
      log?.warn(
        { fleet, err: error, reason: 'LeaseNotRenewed' },
        'could not renew the lease, trying again',
      )
    trouble = error
    renewal.set(LONGEST_RETRY_MS * (1 - RETRY_JITTER * random()))
  }

  async function extend(): Promise<'extended' | 'lost' | { readonly error: unknown }> {
    try {
      return await grant.extend(ttlMs)
    } catch (error) {
      return { error }
    }
  }

  /** One at a time: the next is set when this one has ended. */
  async function renew(): Promise<void> {
    if (!stands()) return
    const sent = startStopwatch(clock)
    const answer = await extend()
    // After a pause answers may come before timers. Others may have acted since the deadline: no answer undoes that.
    if (!stands()) return
    if (answer === 'lost') return lose('the lease servers keep it for this process no more')
    if (answer !== 'extended') return retrySoon(answer.error)
    renewed = sent
    trouble = undefined
    watch()
    if (!lost.signal.aborted) renewal.set(renewMs - sent.elapsedMs())
  }

  async function giveBack(): Promise<void> {
    lose('the lease was given back')
    try {
      await atMost(clock, RELEASE_MS, grant.release())
    } catch (error) {
      log?.debug(
        { fleet, err: error, reason: 'LeaseNotReleased' },
        'giving the lease back failed, it lapses by itself',
      )
    }
  }

  watch()
  if (!lost.signal.aborted) renewal.set(renewMs - asked.elapsedMs())
  return {
    fleet,
    lost: lost.signal,
    assertHeld() {
      if (!stands()) throw lost.signal.reason
    },
    remainingMs: () => (lost.signal.aborted ? 0 : Math.max(0, leftMs())),
    epochFloor: () => servers.readEpoch(fleet),
    witness: (epoch) => servers.raiseEpoch(fleet, epoch),
    release() {
      released ??= giveBack()
      return released
    },
  }
}
