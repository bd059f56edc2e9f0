import type { ContainerDetail } from '../docker/port.ts'
import type {
  ControlFailure,
  ControlReading,
  Generation,
  ObservedNode,
} from '../observe/observation.ts'

/** What Docker said about a node's container. */
export type NodeContainer =
  | { readonly kind: 'found'; readonly detail: ContainerDetail }
  /** A successful list showed none of that name. */
  | { readonly kind: 'absent' }
  /** Docker could not be asked: nothing may be concluded. */
  | { readonly kind: 'unread'; readonly message: string }

export interface JudgeSettings {
  readonly downGraceMs: number
  readonly portGraceMs: number
}

/** The judged part of an {@link ObservedNode}, and what the next judgement must remember. */
export interface Judgement
  extends Pick<ObservedNode, 'state' | 'reason' | 'message' | 'since' | 'lost' | 'forwardedPort'> {
  /** Unix ms at which time alone may change this judgement. */
  readonly reviewAt: number | undefined
  readonly generation: Generation | undefined
  /** Unix ms since which Gluetun says that the tunnel is not there; undefined while it is, or nothing is known. */
  readonly doubtSince: number | undefined
  /** Whether this generation has shown a public IP, so that an empty one means something. */
  readonly ipSeen: boolean
  /** Unix ms since which no port is granted, while the last one is held. */
  readonly portLostAt: number | undefined
}

export interface NodeSigns {
  readonly container: NodeContainer
  readonly control: ControlReading | ControlFailure
}
