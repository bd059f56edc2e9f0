import type { ContainerId, ContainerSpec } from '../docker/port.ts'
import type { NodeNote } from '../store/node-note.ts'
import type { Backoff, RolloutNote } from '../store/store.ts'
import type { EventReason } from '../telemetry/event.ts'
import type {
  EngineStatus,
  ForwardedChoice,
  PlannedCondition,
  VpnStatus,
} from '../telemetry/status.ts'
import type { NodeAction } from './node-action.ts'

/** Why an action is taken: an event reason and a sentence for people. */
export interface Why {
  readonly reason: EventReason
  readonly message: string
}

interface OnEngine {
  readonly slot: string
  readonly vpn: string | undefined
  readonly id: ContainerId
  readonly why: Why
}

/** A slot whose engine failed and has no living successor, and its back-off record. */
export interface Inheritance {
  readonly slot: string
  readonly backoff: Backoff
}

/** Creates the slot's container and starts it. */
export interface CreateAction {
  readonly verb: 'create'
  readonly slot: string
  readonly vpn: string | undefined
  readonly forwarded: boolean
  readonly spec: ContainerSpec
  /** The place that this engine fills again: its back-off record moves to this slot. */
  readonly inherits: Inheritance | undefined
  readonly why: Why
}

/** Starts a container that was created but never ran. */
export interface StartAction extends OnEngine {
  readonly verb: 'start'
}

/** Remembers the first good answer. */
export interface NoteReadyAction extends OnEngine {
  readonly verb: 'noteReady'
  readonly at: number
}

/** Writes the draining mark: no new streams. */
export interface DrainAction extends OnEngine {
  readonly verb: 'drain'
  /** What its streams are given from the moment of marking, ms. */
  readonly timeoutMs: number
}

/** Writes the mark with its stop time, then stops. */
export interface StopAction extends OnEngine {
  readonly verb: 'stop'
  readonly mark: 'draining' | 'failed'
  readonly graceS: number
  /** The slot's back-off record from now on; undefined when this end is nobody's failure. */
  readonly backoff: Backoff | undefined
}

/** Tells exit code and last log lines, writes the mark where there is none, removes. */
export interface RemoveAction extends OnEngine {
  readonly verb: 'remove'
  readonly backoff: Backoff | undefined
  /** Whether it died by itself: then how it ended goes into an event. */
  readonly unexpected: boolean
}

/** One change to the world, carried out under a held lease. */
export type Action =
  | CreateAction
  | StartAction
  | NoteReadyAction
  | DrainAction
  | StopAction
  | RemoveAction

/** A change to memory alone, made before the actions. */
export type Bookkeeping =
  /** All that is kept of a container which is gone, a request to drain it included. */
  | { readonly kind: 'forget'; readonly id: ContainerId }
  | { readonly kind: 'clearBackoff'; readonly slot: string }
  | { readonly kind: 'setRollout'; readonly note: RolloutNote | undefined }
  /** A user's `forward --to` is over: carried out, or dropped for a reason. */
  | {
      readonly kind: 'endForward'
      readonly node: string
      readonly dropped: string | undefined
    }
  | { readonly kind: 'setNodeNote'; readonly node: string; readonly note: NodeNote | undefined }
  | { readonly kind: 'dropFleet' }

/** An action that was begun and of whose effect no later observation has told. */
export interface PendingAction {
  readonly verb: Action['verb']
  readonly slot: string
  readonly vpn: string | undefined
  readonly forwarded: boolean
  /** Undefined for a create. */
  readonly id: ContainerId | undefined
  readonly since: number
  readonly outcome: 'inFlight' | 'unknown'
}

/** A pure decision about one fleet. Carrying it out and planning again yields nothing more to do (L1). */
export interface Plan {
  readonly bookkeeping: readonly Bookkeeping[]
  /** In the order in which they should be begun. */
  readonly actions: readonly Action[]
  /** What is to be begun on a VPN node. */
  readonly cure: NodeAction | undefined
  readonly conditions: readonly PlannedCondition[]
  readonly engines: readonly EngineStatus[]
  readonly vpns: readonly VpnStatus[]
  readonly forwarding: readonly ForwardedChoice[]
  /** Unix ms at which something is due although nothing else may happen; undefined when nothing is. */
  readonly wakeAt: number | undefined
}
