import { type LifecycleEvent, lifecycle } from '../../src/lifecycle/machine.ts'
import { PHASES, type Phase } from '../../src/lifecycle/phase.ts'
import { type Step, step } from '../../src/lifecycle/step.ts'

type EventType = LifecycleEvent['type']

/** One way from phase to phase, as the machine has it. */
interface Transition extends Step {
  readonly from: Phase
  readonly event: EventType
}

/** The one part of the plan that may say an event, and when it does. */
interface Saying {
  readonly file: `src/plan/${string}.ts`
  readonly when: string
}

/** Every event has one owner: no two parts of a plan can lead an engine different ways. */
export const SAYINGS: Readonly<Record<EventType, Saying>> = {
  wanted: { file: 'src/plan/act-on.ts', when: 'a vacant place is to be filled' },
  startable: {
    file: 'src/plan/verdict.ts',
    when: 'its container never ran, and its VPN node is up in the generation that it was made for',
  },
  answered: { file: 'src/plan/verdict.ts', when: 'its HTTP API gave its first good answer' },
  unwanted: {
    file: 'src/plan/verdict.ts',
    when: 'scaling, rollout, election, a move or a user let it go',
  },
  failed: { file: 'src/plan/verdict.ts', when: 'it is dead, or runs outside its VPN' },
  drained: { file: 'src/plan/verdict.ts', when: 'no stream is left on it' },
  drainTimedOut: { file: 'src/plan/verdict.ts', when: 'it has had its drain timeout' },
  stillRunning: {
    file: 'src/plan/verdict.ts',
    when: 'stopping was decided, no stop is in flight, and it runs',
  },
  exited: { file: 'src/plan/verdict.ts', when: 'its process is over' },
}

/** Every transition of the machine; an event that a phase does not know leads nowhere and is left out. */
function transitions(): readonly Transition[] {
  const events = lifecycle.events as readonly EventType[]
  return PHASES.flatMap((from) =>
    events
      .map((event) => ({ from, event, ...step(from, event) }))
      .filter(({ phase, actions }) => phase !== from || actions.length > 0),
  )
}

const diagram = () =>
  [
    'stateDiagram-v2',
    '  [*] --> Pending',
    ...transitions().map(
      ({ from, event, phase, actions }) =>
        `  ${from} --> ${phase}: ${event} / ${actions.join(', ')}`,
    ),
    '  Exited --> [*]',
  ].join('\n')

const table = () =>
  [
    '| event | is said when | by |',
    '|---|---|---|',
    ...Object.entries(SAYINGS).map(
      ([event, { when, file }]) => `| \`${event}\` | ${when} | [${file}](../${file}) |`,
    ),
  ].join('\n')

/** `docs/lifecycle.md`, made of the machine itself. */
export function lifecyclePage(): string {
  return `<!-- Made of src/lifecycle/machine.ts by \`npm run docs\`: edit that, not this. -->
# An engine's life

An engine's phase is derived anew in every pass, from its container's state, its mark and whether it ever answered.
The plan tells it at most one event; the machine's pure transition answers with the actions below, and nothing else
creates, starts, stops or removes a container. Phases move forwards only (I6). Ready is no phase: it comes and goes.

\`\`\`mermaid
${diagram()}
\`\`\`

## Who says what

${table()}

\`markDraining\` and \`markFailed\` write the irrevocable mark in the store before anything else happens to the container
(I7); \`noteReady\` remembers the first good answer. A mark counts also for a container that never ran, since a start that
was sent earlier may still land: it is Draining or Stopping, and is removed as it is.
`
}
