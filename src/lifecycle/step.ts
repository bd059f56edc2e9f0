import { transition } from 'xstate'
import { type LifecycleAction, type LifecycleEvent, lifecycle } from './machine.ts'
import type { Phase } from './phase.ts'

/** An engine's next phase and the actions that lead there, in order. */
export interface Step {
  readonly phase: Phase
  readonly actions: readonly LifecycleAction[]
}

/** Asks the machine what an event means to an engine in a phase. An event that the phase does not know means nothing. */
export function step(phase: Phase, event: LifecycleEvent): Step {
  const [next, actions] = transition(lifecycle, lifecycle.resolveState({ value: phase }), event)
  return { phase: next.value as Phase, actions: actions.map((a) => a.type as LifecycleAction) }
}
