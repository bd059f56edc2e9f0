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

/** What the API needs of the loops. A standby has one too: it leads nothing, but observes. */
export interface Controller {
  /** Has the fleet looked at now. A fleet that is not known here is ignored: whoever leads sees the request itself. */
  wake(fleet: string): void
  /** Observes and plans without acting; undefined for a fleet that is not known here. */
  plan(fleet: string, signal: AbortSignal): Promise<PlanPreview | undefined>
  /** Where a watched spec declares the fleet, `specs/demo.yaml:3`; undefined when none does. */
  declaredIn(fleet: string): string | undefined
  readiness(): Readiness
  /** What keeps this process from looking after the fleet; it may be just what keeps it from publishing so. */
  trouble(fleet: string): Condition | undefined
}
