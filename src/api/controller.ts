import type { Replica } from '../store/store.ts'
import type { Condition, PlannedCondition } from '../telemetry/status.ts'

/** One change that the next pass would make. */
export interface PlannedChange {
  /** `create`, `start`, `drain`, `stop`, `remove`, `pull` … */
  readonly verb: string
  /** A container's, node's or image's name. */
  readonly target: string
  /** Why, for people. */
  readonly reason: string
}

/** What a pass would do now. */
export interface PlanPreview {
  readonly actions: readonly PlannedChange[]
  readonly conditions: readonly PlannedCondition[]
}

/** Whether this process does its work, and if not, everything that is in the way. */
export interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly string[]
}

/** Who leads a fleet, as this process knows it from the replicas' last words. */
export interface LeaderView {
  /** `host:pid` of the replica. */
  readonly holder: string
  readonly epoch: number
  /** ms until its lease lapses unless renewed, counted down since it was told; null where leases never lapse. */
  readonly leaseMs: number | null
  /** Whether it is this very process. */
  readonly isSelf: boolean
}

/** A controller process that looks after the same fleets. */
export interface ReplicaView {
  readonly holder: string
  /** Unix ms, by its own clock. */
  readonly startedAt: number
  /** Fleets, in order. */
  readonly leads: readonly string[]
  /** By fleet, what its own files declare soundly. */
  readonly declares: Replica['declares']
  /** ms since it was heard of last. */
  readonly agoMs: number
}

/** What the API needs of the loops. A standby has one too: it leads nothing, but observes. */
export interface Controller {
  /** Where the store is: in the data directory, for this process alone, or in Redis, shared by replicas. */
  readonly mode: 'embedded' | 'redis'
  /** Who leads the fleet; undefined when nobody does, or whose lease lapsed before anything else was heard. */
  leadership(fleet: string): LeaderView | undefined
  /** Every replica that lives, this one included, in order. Empty until the store has answered. */
  replicas(): readonly ReplicaView[]
  /** Has the fleet looked at now. A fleet that is not known here is ignored: whoever leads sees the request itself. */
  wake(fleet: string): void
  /** Observes and plans without acting; undefined for a fleet that is not known here. */
  plan(fleet: string, signal: AbortSignal): Promise<PlanPreview | undefined>
  /** Where a watched spec of any replica declares the fleet, `specs/demo.yaml:3`; undefined when none does. */
  declaredIn(fleet: string): string | undefined
  readiness(): Readiness
  /** What keeps this process from looking after the fleet; it may be just what keeps it from publishing so. */
  trouble(fleet: string): Condition | undefined
}
