import type { Clock } from '../time/clock.ts'
import type { Sessions } from './sessions.ts'
import type { Viewers } from './viewers.ts'

export interface DrainParts {
  readonly sessions: Pick<Sessions, 'list' | 'stop'>
  readonly viewers: Pick<Viewers, 'handOver'>
  readonly clock: Clock
  /** How long viewers are waited for, ms. */
  readonly drainMs: number
}

/** How often it is looked whether the last viewer has left, ms. */
const LOOK_MS = 100

/**
 * Lets a gateway's viewers end before it does: new ones are refused, gateways that read from it take over at once, and
 * everybody else goes on until they leave, the time is over, or `cut` says so. What is left then is the caller's to end.
 */
export async function drainViewers(parts: DrainParts, cut: AbortSignal): Promise<void> {
  const { sessions, viewers, clock, drainMs } = parts
  const until = clock.monotonic() + drainMs
  sessions.stop()
  viewers.handOver()
  const isWatched = () => sessions.list().some((each) => each.viewers > 0)
  while (isWatched() && !cut.aborted && clock.monotonic() < until)
    await clock.sleep(LOOK_MS, cut).catch(() => {})
}
