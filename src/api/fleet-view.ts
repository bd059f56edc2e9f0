import type { AcceptedSpec } from '../store/store.ts'
import type { Condition, FleetStatus } from '../telemetry/status.ts'
import type { LeaderView, ReplicaView } from './controller.ts'
import { isoTime } from './iso-time.ts'
import type { Staleness } from './remembered-reads.ts'
import { conditionView, type FleetView, type LiveReplicaView } from './view.ts'

/** Who leads, and how long without a renewal. */
export function leadView(
  leadership: LeaderView | undefined,
): Pick<FleetView, 'leader' | 'epoch' | 'leaseMs' | 'leading'> {
  if (leadership === undefined) return { leader: null, epoch: null, leaseMs: null, leading: false }
  const { holder: leader, epoch, leaseMs, isSelf: leading } = leadership
  return { leader, epoch, leaseMs: leaseMs === null ? null : Math.round(leaseMs), leading }
}

/** All that is told of a fleet in a list. One of status and spec may be missing: accepted a moment ago, or lost by the store. */
export interface FleetFacts {
  readonly name: string
  readonly status: FleetStatus | undefined
  readonly spec: AcceptedSpec | undefined
  readonly leadership: LeaderView | undefined
  /** What keeps the answering process from looking after the fleet. */
  readonly trouble: Condition | undefined
  /** That the store did not tell this now. */
  readonly staleness: Staleness | undefined
}

function staleCondition({ reason, since }: Staleness, trouble: Condition | undefined): Condition {
  const message = `the store does not answer, and this is what it said last: ${reason}`
  const isSame = trouble?.type === 'StoreUnavailable'
  return {
    type: 'StoreUnavailable',
    status: 'True',
    reason: 'StoreUnavailable',
    message,
    since: isSame ? Math.min(since, trouble.since) : since,
  }
}

/**
 * The published conditions, and what has kept this process from publishing since. Where another one has looked at the
 * fleet later, the trouble is this process's own and says nothing about the fleet.
 */
function conditionsOf({ status, trouble, staleness }: FleetFacts): readonly Condition[] {
  const isOurs = trouble !== undefined && trouble.since >= (status?.observedAt ?? 0)
  const added = [
    ...(isOurs ? [trouble] : []),
    ...(staleness === undefined ? [] : [staleCondition(staleness, trouble)]),
  ]
  const byType = new Map([...(status?.conditions ?? []), ...added].map((each) => [each.type, each]))
  return [...byType.values()]
}

export function fleetView(facts: FleetFacts): FleetView {
  const { name, status, spec } = facts
  return {
    name,
    generation: status?.generation ?? spec?.generation ?? 0,
    specHash: status?.specHash ?? null,
    documentHash: spec?.hash ?? null,
    source: spec?.source ?? null,
    acceptedAt: isoTime(spec?.acceptedAt),
    ...leadView(facts.leadership),
    lastLeader: status?.leader ?? null,
    lastEpoch: status?.epoch ?? null,
    observedAt: isoTime(status?.observedAt),
    replicas: status?.replicas ?? null,
    ready: status?.ready ?? null,
    updated: status?.updated ?? null,
    forwarded: status?.forwarded ?? null,
    conditions: conditionsOf(facts).map(conditionView),
  }
}

export function liveReplicaView(fleet: string, replica: ReplicaView): LiveReplicaView {
  const { holder, leads, declares, agoMs, startedAt } = replica
  return {
    holder,
    leads: leads.includes(fleet),
    declares: declares[fleet] ?? null,
    agoMs,
    startedAt: isoTime(startedAt),
  }
}
