import type { Fleets } from '../../src/control/fleets.ts'
import { makeMismatches } from '../../src/control/mismatches.ts'
import type { Peers } from '../../src/control/peers.ts'
import { makeReplicas, type Replicas } from '../../src/control/replicas.ts'
import type { DesiredFleet } from '../../src/spec/decision.ts'
import type { Store } from '../../src/store/store.ts'
import type { Logger } from '../../src/telemetry/log.ts'
import type { Clock } from '../../src/time/clock.ts'
import { TIMING } from './lease-world.ts'

/** As in backend.ts. */
const PATIENCE = { troubleMs: 3 * TIMING.ttlMs, dockerMs: 1.5 * TIMING.ttlMs }

export interface NeighboursParts {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly holder: string
  readonly fleets: () => Fleets
  /** What the accepted spec says now. */
  readonly ruling: () => DesiredFleet
}

/** What a controller knows of the others, put together as app.ts does it, but for files. */
export function makeNeighbours(parts: NeighboursParts): {
  readonly replicas: Replicas
  readonly peers: Peers
} {
  const { store, clock, log, holder, fleets, ruling } = parts
  const mismatches = makeMismatches({
    clock,
    ruling: () => fleets().ruling(),
    onChange: () => fleets().reconsider(),
  })
  const replicas = makeReplicas({
    ...{ store, clock, log, holder, startedAt: clock.now() },
    declares: () => {
      const { fleet, hash, source } = ruling()
      return { [fleet.name]: { hash, source } }
    },
    leads: () => fleets().leads(),
    dockerAgoMs: () => fleets().dockerAgoMs(),
    onChange: () => fleets().wakeAll(),
    onAway: () => fleets().wakeAll(),
    lease: null,
    onGlance: mismatches.look,
  })
  const peers: Peers = {
    hasOthers: () => replicas.others().length > 0,
    seeDocker: replicas.seeDocker,
    largestEpoch: replicas.largestEpoch,
    conditions: mismatches.conditions,
    refresh: async () => {
      await replicas.lookAround()
      await fleets().rule([ruling()])
    },
    patience: PATIENCE,
  }
  return { replicas, peers }
}
