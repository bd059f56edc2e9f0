import { servedLeaseSource } from '../../../src/lease/keeper.ts'
import { LeaseLost } from '../../../src/lease/lease.ts'
import type { Grant } from '../../../src/lease/servers.ts'
import { startStopwatch } from '../../../src/lease/stopwatch.ts'
import type { LeaseBug } from './lease-client.ts'

/** Leaves it to the timer to end the lease, as `using()` does. */
export const timerOnly: LeaseBug = (parts) => {
  const source = servedLeaseSource(parts)
  return {
    async campaign(fleet, signal) {
      const tenure = await source.campaign(fleet, signal)
      return { ...tenure, assertHeld: () => tenure.lost.throwIfAborted() }
    },
  }
}

/** Counts the ttl from when an answer came, not from before it was asked for. */
export const countedFromReply: LeaseBug = (parts) => {
  const { clock, timing, servers } = parts
  /** Of the newest grant: when its last good answer came. */
  let newest = { answered: startStopwatch(clock) }
  function watch(grant: Grant): Grant {
    const mine = { answered: startStopwatch(clock) }
    newest = mine
    return {
      ...grant,
      async extend(ttlMs) {
        const answer = await grant.extend(ttlMs)
        if (answer === 'extended') mine.answered = startStopwatch(clock)
        return answer
      },
    }
  }
  const source = servedLeaseSource({
    ...parts,
    servers: {
      ...servers,
      async acquire(name, ttlMs) {
        const grant = await servers.acquire(name, ttlMs)
        return grant && watch(grant)
      },
    },
  })
  return {
    async campaign(fleet, signal) {
      const tenure = await source.campaign(fleet, signal)
      const mine = newest
      let isGivenBack = false
      const leftMs = () =>
        isGivenBack ? 0 : timing.ttlMs - timing.marginMs - mine.answered.elapsedMs()
      return {
        ...tenure,
        remainingMs: leftMs,
        assertHeld() {
          if (leftMs() <= 0) throw new LeaseLost('counted from the answer, it ran out')
        },
        release() {
          isGivenBack = true
          return tenure.release()
        },
      }
    },
  }
}

/** Reads the monotonic clock alone, which stands still while the machine sleeps. */
export const believesOneClock: LeaseBug = (parts) =>
  servedLeaseSource({
    ...parts,
    clock: { ...parts.clock, now: () => parts.clock.monotonic() },
  })

/** Has nobody remember the epoch but the store. */
export const unwitnessed: LeaseBug = (parts) =>
  servedLeaseSource({
    ...parts,
    servers: {
      ...parts.servers,
      raiseEpoch: async () => true,
    },
  })
