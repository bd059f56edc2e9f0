import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import type { LeaseSource, Tenure } from './lease.ts'
import { type LeaseServers, LeaseServersAway } from './servers.ts'
import { startStopwatch } from './stopwatch.ts'
import { keepTenure } from './tenure.ts'
import type { LeaseTiming } from './timing.ts'

export interface KeeperParts {
  readonly servers: LeaseServers
  readonly clock: Clock
  /** In [0, 1): spreads the attempts of several standbys. */
  readonly random: () => number
  readonly timing: LeaseTiming
  readonly log?: Logger | undefined
}

/** Of the time between two attempts, either way: standbys do not try in step, and split no votes twice. */
const POLL_JITTER = 0.2

/** While the servers are away attempts become rarer by this factor each, up to twice the time between two. */
const AWAY_GROWTH = 1.5
const AWAY_LIMIT = 2

/**
 * Leases that servers keep, renewed until they are given back or lost. Whom a majority grants a lease has it; a grant
 * that took so long that less than half of its ttl is left is given back.
 */
export function servedLeaseSource(parts: KeeperParts): LeaseSource {
  const { servers, clock, random, timing, log } = parts

  /** @throws {LeaseServersAway} */
  async function attempt(fleet: string): Promise<Tenure | undefined> {
    const asked = startStopwatch(clock)
    const grant = await servers.acquire(fleet, timing.ttlMs)
    if (grant === undefined) return undefined
    const tenure = keepTenure({ ...parts, fleet }, grant, asked)
    const tookMs = asked.elapsedMs()
    if (tookMs <= timing.ttlMs / 2) return tenure
    await tenure.release()
    throw new LeaseServersAway(
      `the lease was granted after ${Math.round(tookMs)} ms, with too little of it left`,
    )
  }

  return {
    async campaign(fleet, signal) {
      let waitMs = timing.pollMs
      let isAway = false
      for (;;) {
        signal.throwIfAborted()
        try {
          const tenure = await attempt(fleet)
          if (tenure !== undefined && !signal.aborted) return tenure
          await tenure?.release()
          waitMs = timing.pollMs
          isAway = false
        } catch (error) {
          if (!(error instanceof LeaseServersAway)) throw error
          if (!isAway)
            log?.warn(
              { fleet, err: error, reason: 'LeaseServersAway' },
              'cannot ask for the lease, trying again',
            )
          isAway = true
          waitMs = Math.min(waitMs * AWAY_GROWTH, timing.pollMs * AWAY_LIMIT)
        }
        await clock.sleep(waitMs * (1 + POLL_JITTER * (2 * random() - 1)), signal)
      }
    },
  }
}
