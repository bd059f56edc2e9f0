import type { ContainerId } from '../docker/port.ts'
import type { Phase } from '../lifecycle/phase.ts'
import type { NodeState } from '../observe/observation.ts'

/** Every standing fact a fleet's status may hold. All but Ready are present only while they are True. */
export type ConditionType =
  | 'Ready'
  | 'Reconciling'
  | 'Stalled'
  | 'SpecInvalid'
  | 'SpecMismatch'
  | 'Orphaned'
  | 'Deleting'
  | 'ForwardedConflict'
  | 'NoForwardedPort'
  | 'NoVpnReady'
  | 'VpnNotReady'
  | 'VpnControlRefused'
  | 'VpnStuck'
  | 'PortStuck'
  | 'ImageMissing'
  | 'NameConflict'
  | 'NoRoom'
  | 'RolloutPaused'
  | 'BackingOff'
  | 'EngineOutsideVpn'
  | 'DockerUnreachable'
  | 'StoreUnavailable'
  | 'LeaseUnavailable'
  | 'LeaseMismatch'
  | 'StoreMayForget'

export interface Condition {
  readonly type: ConditionType
  readonly status: 'True' | 'False'
  /** CamelCase. */
  readonly reason: string
  /** What, where, and how to mend it. */
  readonly message: string
  /** Unix ms; moves only when `status` does. */
  readonly since: number
}

/** A condition as a plan states it; the status keeper adds `since`. */
export type PlannedCondition = Omit<Condition, 'since'>

export interface EngineStatus {
  readonly name: string
  readonly slot: string
  readonly containerId: ContainerId | undefined
  readonly vpn: string | undefined
  readonly address: string | undefined
  /** Host HTTP port. */
  readonly port: number | undefined
  readonly p2pPort: number | undefined
  readonly forwarded: boolean
  readonly phase: Phase
  readonly ready: boolean
  readonly streams: number | 'unknown'
  readonly createdAt: number | undefined
  readonly specHash: string | undefined
  /** Whether its spec hash is the wanted one. */
  readonly updated: boolean
  /** Exited, or given up: it counts for nothing any more. */
  readonly dead: boolean
  /** Why it is not ready, or why it goes. */
  readonly note: string
}

export interface VpnStatus {
  readonly name: string
  readonly state: NodeState
  /** Why the state is what it is: CamelCase, and a sentence for people. */
  readonly reason: string
  readonly message: string
  readonly address: string | undefined
  readonly publicIp: string | undefined
  readonly forwardedPort: number | undefined
  /** How often a granted port was lost within the last hour, as far as the leader saw. */
  readonly portLosses: number
  /** Unix ms since which it is up without interruption, as far as the leader saw; undefined while it is not. */
  readonly readySince: number | undefined
  readonly engines: number
  readonly cordoned: boolean
  readonly since: number
  /** What ails it for longer than its grace, and what is done about it; undefined while nothing does. */
  readonly cure?: string | undefined
}

/**
 * Why a forwarded place is where it is:
 * - `asked`: by `acefleet forward --to`; `preferred`: by the spec
 * - `only`: there is no other node that it could be on, as with scope `vpn`
 * - `healthiest`: the best of those that can have it
 * - `stays`: another is the best by now, but nothing drives it away
 */
export type ForwardedRule = 'asked' | 'preferred' | 'only' | 'healthiest' | 'stays'

/** A node as a choice saw it. */
export interface ForwardedCandidate extends Pick<VpnStatus, 'state' | 'readySince' | 'portLosses'> {
  readonly node: string
  /** Why it cannot have the forwarded engine now, for people; undefined when it can. */
  readonly obstacle: string | undefined
}

/** Where the engine of a forwarded place is, or is to be, and why there. */
export interface ForwardedChoice {
  readonly slot: string
  readonly node: string
  readonly rule: ForwardedRule
  /** Whether an engine is there that stays; otherwise one is to come. */
  readonly held: boolean
  /** The chosen one, the others that can have it, best first, and those that cannot. */
  readonly candidates: readonly ForwardedCandidate[]
}

export interface FleetStatus {
  readonly fleet: string
  readonly generation: number
  readonly specHash: string
  readonly epoch: number
  readonly leader: string
  /** Unix ms of the observation it was computed from. */
  readonly observedAt: number
  readonly replicas: number
  readonly ready: number
  readonly updated: number
  readonly forwarded: string | undefined
  readonly forwarding: readonly ForwardedChoice[]
  readonly conditions: readonly Condition[]
  readonly engines: readonly EngineStatus[]
  readonly vpns: readonly VpnStatus[]
}
