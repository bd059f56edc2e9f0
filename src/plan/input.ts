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
  /** The VPN node that is being restarted by us, be it that nobody knows yet how it ends. */
  readonly curing?: string | undefined
  /** Whether the image is not on the daemon yet: then nothing is let go whose successor would have to be made of it. */
  readonly lacksImage?: boolean | undefined
  /** Unix ms. */
  readonly now: number
}
