import { DockerError } from '../docker/errors.ts'
import { LeaseServersAway } from '../lease/servers.ts'
import { StoreUnavailable } from '../store/errors.ts'
import type { Condition, PlannedCondition } from '../telemetry/status.ts'

/** What a failure means, as a standing fact; nothing about the fleet itself may be concluded from it (I9). */
function conditionOf(error: unknown): PlannedCondition {
  const message = error instanceof Error ? error.message : String(error)
  const of = (type: PlannedCondition['type'], reason: string): PlannedCondition => {
    return { type, status: 'True', reason, message }
  }
  if (error instanceof StoreUnavailable) return of('StoreUnavailable', error.name)
  if (error instanceof DockerError) return of('DockerUnreachable', error.name)
  if (error instanceof LeaseServersAway) return of('LeaseUnavailable', error.name)
  return of('Stalled', 'PassFailed')
}

/** The same with the time since which it stands: trouble of one kind is one trouble, whatever it says. */
export function troubleOf(error: unknown, before: Condition | undefined, now: number): Condition {
  const next = conditionOf(error)
  return { ...next, since: before?.type === next.type ? before.since : now }
}
