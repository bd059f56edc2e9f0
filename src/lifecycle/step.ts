import { transition } from 'xstate'
import { type LifecycleAction, type LifecycleEvent, lifecycle } from './machine.ts'
import { PHASES, type Phase } from './phase.ts'

/** An engine's next phase and the actions that lead there, in order. */
export interface Step {
  readonly phase: Phase
  readonly actions: readonly LifecycleAction[]
}

function ask(phase: Phase, event: LifecycleEvent): Step {
  const [next, actions] = transition(lifecycle, lifecycle.resolveState({ value: phase }), event)
  return { phase: next.value as Phase, actions: actions.map((a) => a.type as LifecycleAction) }
}

const EVENTS = Object.keys({
  wanted: true,
  startable: true,
  answered: true,
  unwanted: true,
  failed: true,
  drained: true,
  drainTimedOut: true,
  stillRunning: true,
  exited: true,
} satisfies Record<LifecycleEvent['type'], true>) as readonly LifecycleEvent['type'][]

// The machine has no context, so its whole answer is a table of phases × events. Asking it once for each costs 3 ms at
// start; asking it per engine and pass would cost 57 µs each time (measured).
const TABLE: ReadonlyMap<string, Step> = new Map(
  PHASES.flatMap((phase) =>
    EVENTS.map((type) => [`${phase} ${type}`, ask(phase, { type })] as const),
  ),
)

/** What an event means to an engine in a phase. An event that the phase does not know means nothing. */
export function step(phase: Phase, event: LifecycleEvent['type']): Step {
  const found = TABLE.get(`${phase} ${event}`)
  if (found === undefined) throw new Error(`no step for ${event} in ${phase}`)
  return found
}
