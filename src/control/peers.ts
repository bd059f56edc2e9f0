import type { PlannedCondition } from '../telemetry/status.ts'
import type { Patience } from './patience.ts'

/** What looking after a fleet needs to know of the other replicas. */
export interface Peers {
  /** Whether another replica lives that could lead instead. */
  hasOthers(): boolean
  /** Whether Docker has answered another replica within this time, ms, as far as it has told. */
  seeDocker(withinMs: number): boolean
  /** The largest epoch of a fleet that anybody has told of; 0 for none. */
  largestEpoch(fleet: string): number
  /** What the replicas' files say against the generation that rules. */
  conditions(fleet: string): readonly PlannedCondition[]
  /** Resolves when the fleets here are ruled by what the store says now, and not by what it said before. */
  refresh(signal: AbortSignal): Promise<void>
  /** How long a leader that cannot act keeps others from trying. */
  readonly patience: Patience
}

/** Where there is one controller only: nobody could do better, and nobody else changes anything. */
export const NO_PEERS: Peers = {
  hasOthers: () => false,
  seeDocker: () => false,
  largestEpoch: () => 0,
  conditions: () => [],
  refresh: async () => {},
  patience: { troubleMs: Number.POSITIVE_INFINITY, dockerMs: Number.POSITIVE_INFINITY },
}
