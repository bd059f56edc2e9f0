import { servedLeaseSource } from '../../../src/lease/keeper.ts'
import type { Grant } from '../../../src/lease/servers.ts'
import type { Clock } from '../../../src/time/clock.ts'
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

/** Counts the ttl from when an answer came: `restart` starts the newest stopwatch on a clock anew. */
export const countedFromReply =
  (restart: (clock: Clock) => void): LeaseBug =>
  (parts) => {
    const { clock, servers } = parts
    const watched = (grant: Grant): Grant => ({
      ...grant,
      async extend(ttlMs) {
        const answer = await grant.extend(ttlMs)
        restart(clock)
        return answer
      },
    })
    return servedLeaseSource({
      ...parts,
      servers: {
        ...servers,
        async acquire(name, ttlMs) {
          const grant = await servers.acquire(name, ttlMs)
          restart(clock)
          return grant && watched(grant)
        },
      },
    })
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
