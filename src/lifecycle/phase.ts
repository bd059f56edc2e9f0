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
