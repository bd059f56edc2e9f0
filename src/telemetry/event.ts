import type { ContainerId } from '../docker/port.ts'
import type { Epoch } from '../lease/lease.ts'

/** Every reason an event may carry. CamelCase; what happened, not what to do. */
export type EventReason =
  | 'SpecAccepted'
  | 'SpecRefused'
  | 'FleetDeleted'
  | 'LeaseGained'
  | 'LeaseLost'
  | 'EngineCreated'
  | 'EngineStarted'
  | 'EngineReady'
  | 'EngineUnready'
  | 'EngineAdopted'
  | 'EngineDraining'
  | 'EngineFailed'
  | 'EngineStopped'
  | 'EngineExited'
  | 'EngineRemoved'
  | 'CreateFailed'
  | 'StartFailed'
  | 'StopFailed'
  | 'RemoveFailed'
  | 'NoteFailed'
  | 'NameTaken'
  | 'OutcomeUnknown'
  | 'OutcomeResolved'
  | 'ImagePulling'
  | 'ImagePulled'
  | 'ImagePullFailed'
  | 'ForwardedElected'
  | 'ForwardedPortChanged'
  | 'VpnUp'
  | 'VpnDegraded'
  | 'VpnDown'
  | 'VpnUnknown'
  | 'VpnRestarted'
  | 'VpnRestartFailed'
  | 'VpnContainerRestarted'
  | 'PortGranted'
  | 'PortLost'
  | 'RolloutStarted'
  | 'RolloutPaused'
  | 'RolloutFinished'
  | 'Scaled'
  | 'Cordoned'
  | 'Uncordoned'
  | 'DrainRequested'
  | 'ForwardRequested'
  | 'ForwardDropped'
  | 'DeleteRequested'
  | 'Converged'
  | 'StreamStarted'
  | 'StreamMoved'
  | 'StreamInterrupted'
  | 'StreamEnded'
  | 'StreamRefused'
  | 'DockerLost'
  | 'DockerBack'

/** Something that happened, about to be recorded. */
export interface NewFleetEvent {
  /** Unix ms. */
  readonly at: number
  readonly fleet: string
  readonly type: 'Normal' | 'Warning'
  readonly reason: EventReason
  readonly message: string
  readonly slot?: string | undefined
  readonly vpn?: string | undefined
  readonly containerId?: ContainerId | undefined
  readonly epoch?: Epoch | undefined
  readonly reconcileId?: string | undefined
}

/** A recorded event. Repeats are folded: `at` is the latest time, `firstAt` the first. */
export interface FleetEvent extends NewFleetEvent {
  /** Grows with every append and every fold. */
  readonly sequence: number
  readonly firstAt: number
  readonly count: number
}
