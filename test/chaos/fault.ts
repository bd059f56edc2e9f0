import type { Random } from '../sim/random.ts'
import type { Churn } from './churn.ts'
import type { Stage } from './stage.ts'

/** What a fault finds when it strikes: a fleet at rest, with viewers. */
export interface Scene {
  readonly stage: Stage
  readonly churn: Churn
  /** Of this round. */
  readonly random: Random
  /** Long outages are made so much shorter. */
  readonly scale: number
}

/** What came of it: a few words for the table; `missed` when the occasion never came. */
export interface Struck {
  readonly detail: string
  readonly isMissed?: boolean
}

/** One kind of misfortune. */
export interface Fault {
  readonly name: string
  /** It needs so many lease servers; drawn where it does not say. */
  readonly leaseServers?: 3
  /** With acefleet's default lease, rather than a short one. */
  readonly isAtDefaults?: true
  /** Strikes, and resolves when all is healed; replicas that ended are started again by whoever called. */
  strike(scene: Scene): Promise<Struck>
}
