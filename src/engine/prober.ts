import type { ContainerId } from '../docker/port.ts'
import type { EngineHealth } from '../observe/observation.ts'
import type { EngineSettings } from '../spec/fleet.ts'
import type { Clock } from '../time/clock.ts'
import type { Probe } from './client.ts'

/** A running engine to be probed. */
export interface ProbeTarget {
  readonly id: ContainerId
  /** `http://host:port`. */
  readonly url: string
  readonly settings: EngineSettings['health']
  /** As the store remembers it. */
  readonly firstReadyAt?: number | undefined
}

/** Keeps the health of running engines by probing them. */
export interface EngineProber extends AsyncDisposable {
  /** Replaces all targets: new ones are probed at once, missing ones are forgotten, a changed URL starts anew. */
  setTargets(targets: readonly ProbeTarget[]): void
  /** Not ready, without a failure, for an engine that was never probed. */
  health(id: ContainerId): EngineHealth
}

export interface ProberParts {
  readonly probe: Probe
  readonly clock: Clock
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** A verdict changed. Only a wake-up: what counts is {@link EngineProber.health}. */
  readonly onChange: (id: ContainerId, change: 'ready' | 'unready') => void
  /** Probes under way at once. */
  readonly concurrency?: number | undefined
}
