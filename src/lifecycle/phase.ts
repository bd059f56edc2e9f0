import { assertNever } from '../assert-never.ts'
import type { ContainerState } from '../docker/port.ts'
import type { Mark } from '../store/mark.ts'

/** Where an engine is in its life. Phases move forwards only, per container id (I6). */
export type Phase = 'Pending' | 'Starting' | 'Running' | 'Draining' | 'Stopping' | 'Exited'

/** In the order in which they are passed. */
export const PHASES: readonly Phase[] = [
  'Pending',
  'Starting',
  'Running',
  'Draining',
  'Stopping',
  'Exited',
]

/** What tells an engine's phase: its container and what the store remembers of it. */
export interface PhaseSigns {
  readonly state: ContainerState
  readonly mark: Pick<Mark, 'kind' | 'stopAt'> | undefined
  /** Whether its HTTP API has ever given a good answer. */
  readonly wasReady: boolean
}

/** The phase of an engine whose container exists. Nothing is kept between looks, so a restart loses nothing. */
export function phaseOf({ state, mark, wasReady }: PhaseSigns): Phase {
  switch (state) {
    case 'exited':
    case 'dead':
    case 'removing':
      return 'Exited'
    case 'created':
    case 'running':
    case 'paused':
    case 'restarting':
      // A mark counts also before it ever ran: a start that was sent earlier may still land.
      if (mark !== undefined)
        return mark.kind === 'failed' || mark.stopAt !== undefined ? 'Stopping' : 'Draining'
      if (state === 'created') return 'Pending'
      return wasReady ? 'Running' : 'Starting'
    default:
      return assertNever(state)
  }
}
