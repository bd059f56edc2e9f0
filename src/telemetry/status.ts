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
  | 'ImageMissing'
  | 'NameConflict'
  | 'NoRoom'
  | 'RolloutPaused'
  | 'BackingOff'
  | 'EngineOutsideVpn'
  | 'DockerUnreachable'
  | 'StoreUnavailable'
  | 'LeaseUnavailable'

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
  readonly engines: number
  readonly cordoned: boolean
  readonly since: number
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
  readonly conditions: readonly Condition[]
  readonly engines: readonly EngineStatus[]
  readonly vpns: readonly VpnStatus[]
}
