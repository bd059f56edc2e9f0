import type { ContainerId } from '../docker/port.ts'
import type { Generation } from '../observe/observation.ts'
import type { CureKind, NodeNote } from '../store/node-note.ts'
import type { ControlTarget } from '../vpn/control.ts'

interface OnNode {
  readonly vpn: string
  readonly generation: Generation
  readonly kind: CureKind
  /** Written before anything is sent: it has the record of this very try. */
  readonly note: NodeNote
  /** Why, for people. */
  readonly why: string
}

/** Stops a node's VPN through its control server, and starts it. */
export interface RestartVpnAction extends OnNode {
  readonly verb: 'restartVpn'
  readonly kind: 'vpn' | 'port'
  readonly target: ControlTarget
  /** Only the start: who stopped it did not live to send it. */
  readonly isResumed: boolean
}

/** Restarts a node's container. */
export interface RestartContainerAction extends OnNode {
  readonly verb: 'restartContainer'
  readonly kind: 'container'
  readonly containerId: ContainerId
}

/** One change to a VPN node. There is never more than one at a time in a fleet. */
export type NodeAction = RestartVpnAction | RestartContainerAction
