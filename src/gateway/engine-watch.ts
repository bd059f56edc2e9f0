import type { ContainerId } from '../docker/port.ts'
import type { Endpoint, Store } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'

/** Knows which engines are about to go, so that sessions leave them in time. */
export interface EngineWatch {
  /** Whether the fleet's leader says of it that it is draining, dead or behind a VPN that is down. */
  isLeaving(fleet: string, engine: ContainerId): boolean
  /** Follows until aborted. */
  follow(signal: AbortSignal): Promise<void>
}

/** A drain may be over as soon as its last stream is: nobody waits for us, ms. */
const LOOK_MS = 1_000

/** Looks only at fleets of which `inUse` says that sessions play there. A store that is away says nothing new. */
export function makeEngineWatch(
  store: Pick<Store, 'endpoints'>,
  clock: Clock,
  inUse: () => readonly string[],
): EngineWatch {
  const known = new Map<string, ReadonlyMap<ContainerId, Endpoint>>()

  async function look(): Promise<void> {
    const fleets = new Set(inUse())
    for (const fleet of known.keys()) if (!fleets.has(fleet)) known.delete(fleet)
    for (const fleet of fleets) {
      const endpoints = await store.endpoints(fleet)
      known.set(fleet, new Map(endpoints.map((endpoint) => [endpoint.containerId, endpoint])))
    }
  }

  return {
    isLeaving: (fleet, engine) => known.get(fleet)?.get(engine)?.leaving ?? false,
    async follow(signal) {
      while (!signal.aborted) {
        await look().catch(() => {})
        await clock.sleep(LOOK_MS, signal).catch(() => {})
      }
    },
  }
}
