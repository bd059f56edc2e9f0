import type { ControlFailure, ControlReading, Generation } from '../observe/observation.ts'
import type { Clock } from '../time/clock.ts'
import type { ControlTarget, ReadControl } from './control.ts'

/** A VPN node to be polled. */
export interface MonitoredNode extends ControlTarget {
  /** Of the container as last inspected; readings of another generation are dropped. */
  readonly generation: Generation | undefined
  /** Whether a forwarded port is wanted here, so that its absence is worth quick polls. */
  readonly wantsPort: boolean
}

/** Keeps the latest reading of every node's control server. */
export interface VpnMonitor extends AsyncDisposable {
  /** Replaces all nodes. New ones, and those whose generation or address changed, are polled at once. */
  setNodes(nodes: readonly MonitoredNode[]): void
  /** The latest reading while it is fresh and of the present generation, else why there is none. */
  latest(name: string): ControlReading | ControlFailure
}

export interface MonitorParts {
  readonly readControl: ReadControl
  readonly clock: Clock
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** Something that matters changed. Only a wake-up: what counts is {@link VpnMonitor.latest}. */
  readonly onChange: (name: string) => void
}
