import type { Mark } from '../store/mark.ts'
import type { UserRequest } from '../store/store.ts'
import type { FleetEvent } from '../telemetry/event.ts'
import type { Condition, ConditionType, EngineStatus, VpnStatus } from '../telemetry/status.ts'
import type { ForwardedChoiceView } from './forwarding-view.ts'
import { type IsoTime, isoTime } from './iso-time.ts'
import type { P2pView } from './p2p-view.ts'
import type { StreamView } from './stream-view.ts'

export interface ConditionView {
  readonly type: ConditionType
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
  readonly since: IsoTime
}

/** A fleet in a list. Null where it was accepted, but no leader has published a status yet. */
export interface FleetView {
  readonly name: string
  readonly generation: number
  /** Of the container that the spec makes: what tells engines of it from those of an older one. */
  readonly specHash: string | null
  /** Of the accepted document: what replicas' files are compared with. */
  readonly documentHash: string | null
  readonly source: string | null
  readonly acceptedAt: IsoTime | null
  /** Who leads now, as the server that answers knows; null when nobody does. */
  readonly leader: string | null
  /** Of the leader's term. */
  readonly epoch: number | null
  /** ms until its lease lapses unless renewed; null when nobody leads, and where a lease never lapses. */
  readonly leaseMs: number | null
  /** Whether the server that answers is the leader. */
  readonly leading: boolean
  /** Who published what is told here, and under which epoch: by now somebody else may lead, or nobody. */
  readonly lastLeader: string | null
  readonly lastEpoch: number | null
  readonly observedAt: IsoTime | null
  readonly replicas: number | null
  readonly ready: number | null
  readonly updated: number | null
  readonly forwarded: string | null
  readonly conditions: readonly ConditionView[]
}

export interface EngineView {
  readonly name: string
  readonly fleet: string
  readonly slot: string
  readonly containerId: string | null
  readonly vpn: string | null
  readonly address: string | null
  readonly port: number | null
  readonly p2pPort: number | null
  readonly forwarded: boolean
  readonly phase: EngineStatus['phase']
  readonly ready: boolean
  /** Beyond repair: it no longer counts, and is being replaced. */
  readonly dead: boolean
  /** Null while unknown, which counts as busy. */
  readonly streams: number | null
  readonly createdAt: IsoTime | null
  readonly specHash: string | null
  readonly updated: boolean
  readonly note: string
}

export interface VpnView {
  readonly name: string
  readonly fleet: string
  readonly state: VpnStatus['state']
  readonly reason: string
  readonly message: string
  readonly address: string | null
  readonly publicIp: string | null
  readonly forwardedPort: number | null
  /** How often a granted port was lost within the last hour, as far as the leader saw. */
  readonly portLosses: number
  /** Since when it is up without interruption, as far as the leader saw. */
  readonly readySince: IsoTime | null
  readonly engines: number
  readonly cordoned: boolean
  readonly since: IsoTime | null
  /** What ails it for longer than its grace, and what is done about it. */
  readonly cure: string | null
}

export interface EventView extends Omit<FleetEvent, 'at' | 'firstAt'> {
  readonly at: IsoTime
  readonly firstAt: IsoTime
}

export interface MarkView {
  readonly kind: Mark['kind']
  readonly reason: string
  readonly at: IsoTime
  readonly deadlineAt: IsoTime | null
  readonly stopAt: IsoTime | null
}

/** A controller process that lives, and what it has to do with one fleet. */
export interface LiveReplicaView {
  readonly holder: string
  readonly leads: boolean
  /** Hash of what its own files say of the fleet, and where; null where they do not declare it. */
  readonly declares: { readonly hash: string; readonly source: string } | null
  /** ms since it was heard of last. */
  readonly agoMs: number
  readonly startedAt: IsoTime | null
}

export interface FleetDetail extends FleetView {
  readonly spec: unknown
  /** Beside `replicas`, which counts engines. */
  readonly liveReplicas: readonly LiveReplicaView[]
  /** What users asked for that is not done yet. */
  readonly requests: readonly UserRequest[]
  readonly engines: readonly EngineView[]
  readonly vpns: readonly VpnView[]
  /** Of each forwarded place. */
  readonly forwarding: readonly ForwardedChoiceView[]
  readonly p2p: P2pView
}

export interface EngineDetail extends EngineView {
  /** Of its place, where that is a forwarded one. */
  readonly forwarding: ForwardedChoiceView | null
  readonly mark: MarkView | null
  /** What is played on it; `streams` counts them. */
  readonly sessions: readonly StreamView[]
}

export interface VpnDetail extends VpnView {
  readonly requests: readonly UserRequest[]
  readonly engineNames: readonly string[]
}

export function conditionView(condition: Condition): ConditionView {
  const { type, status, reason, message, since } = condition
  return { type, status, reason, message, since: new Date(since).toISOString() }
}

export function engineView(fleet: string, engine: EngineStatus): EngineView {
  return {
    name: engine.name,
    fleet,
    slot: engine.slot,
    containerId: engine.containerId ?? null,
    vpn: engine.vpn ?? null,
    address: engine.address ?? null,
    port: engine.port ?? null,
    p2pPort: engine.p2pPort ?? null,
    forwarded: engine.forwarded,
    phase: engine.phase,
    ready: engine.ready,
    dead: engine.dead,
    streams: engine.streams === 'unknown' ? null : engine.streams,
    createdAt: isoTime(engine.createdAt),
    specHash: engine.specHash ?? null,
    updated: engine.updated,
    note: engine.note,
  }
}

export function vpnView(fleet: string, vpn: VpnStatus): VpnView {
  return {
    name: vpn.name,
    fleet,
    state: vpn.state,
    reason: vpn.reason,
    message: vpn.message,
    address: vpn.address ?? null,
    publicIp: vpn.publicIp ?? null,
    forwardedPort: vpn.forwardedPort ?? null,
    portLosses: vpn.portLosses,
    readySince: isoTime(vpn.readySince),
    engines: vpn.engines,
    cordoned: vpn.cordoned,
    since: isoTime(vpn.since),
    cure: vpn.cure ?? null,
  }
}

export function eventView(event: FleetEvent): EventView {
  return {
    ...event,
    at: new Date(event.at).toISOString(),
    firstAt: new Date(event.firstAt).toISOString(),
  }
}

export function markView(mark: Mark): MarkView {
  return {
    kind: mark.kind,
    reason: mark.reason,
    at: new Date(mark.at).toISOString(),
    deadlineAt: isoTime(mark.deadlineAt),
    stopAt: isoTime(mark.stopAt),
  }
}
