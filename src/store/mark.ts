import type { ContainerId } from '../docker/port.ts'
import type { Epoch } from '../lease/lease.ts'

/**
 * An irrevocable note on one container id. Claims refuse a marked engine; no leader lifts a mark; every stop and
 * remove follows one (I7). It may only be hardened: draining to failed, `stopAt` from absent to a time, and a deadline
 * that comes closer.
 */
export interface Mark {
  readonly containerId: ContainerId
  readonly kind: 'draining' | 'failed'
  /** CamelCase event reason. */
  readonly reason: string
  /** Unix ms when first marked. */
  readonly at: number
  /** Unix ms after which a draining engine is stopped with streams on it. A failed one waits for nothing. */
  readonly deadlineAt: number
  /** Unix ms when stopping was decided: from then on the engine is Stopping. */
  readonly stopAt?: number | undefined
  readonly epoch: Epoch
}
