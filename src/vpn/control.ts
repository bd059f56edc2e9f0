import type { ControlFailure, ControlReading } from '../observe/observation.ts'
import type { VpnNode } from '../spec/fleet.ts'

/** Whom to ask: the node as specified, and what an inspect adds. */
export interface ControlTarget {
  readonly node: Pick<VpnNode, 'name' | 'control' | 'portFile'>
  /** The container's own address, for a node whose spec gives no control URL. */
  readonly address: string | undefined
  /** Unix ms of the container's start: an older port file is of another incarnation. 0 when unknown. */
  readonly startedAt: number
}

/** Reads a node's control server once. Never rejects. */
export type ReadControl = (
  target: ControlTarget,
  signal: AbortSignal,
) => Promise<ControlReading | ControlFailure>
