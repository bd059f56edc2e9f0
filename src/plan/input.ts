import type { EngineTemplate } from '../engine/template.ts'
import type { Epoch } from '../lease/lease.ts'
import type { Observation } from '../observe/observation.ts'
import type { Fleet } from '../spec/fleet.ts'
import type { FleetMemory } from '../store/store.ts'
import type { PendingAction } from './action.ts'

/** Everything that a plan may depend on. */
export interface PlanInput {
  readonly instance: string
  readonly fleet: Fleet
  readonly template: EngineTemplate
  readonly epoch: Epoch
  readonly observation: Observation
  readonly memory: FleetMemory
  readonly pending: readonly PendingAction[]
  /** Unix ms. */
  readonly now: number
}
