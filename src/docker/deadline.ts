import type { Clock } from '../time/clock.ts'

/** Thrown when a call came to its time limit or its caller gave up; not seen outside this room. */
export class Expired extends Error {
  override readonly name = 'Expired'
  readonly code = 'ACE_DOCKER_EXPIRED'
}

/** The end of one call: by time or by its caller's signal, whichever is first. */
export interface Deadline extends Disposable {
  /** Aborted at the end, for the transport. */
  readonly signal: AbortSignal
  /** Rejects with {@link Expired} at the end, even where the transport does not notice. */
  readonly over: Promise<never>
}

/** Starts the clock of one call. */
export function startDeadline(clock: Clock, ms: number, caller: AbortSignal): Deadline {
  const stop = new AbortController()
  const { promise: over, reject } = Promise.withResolvers<never>()
  // A call that ends well leaves nobody to hear of it.
  over.catch(() => {})
  const end = (why: string) => {
    reject(new Expired(why, { cause: caller.reason }))
    stop.abort()
  }
  const onAbort = () => end('aborted by its caller')
  const timer = clock.timer(ms, () => end(`no answer within ${ms / 1000} s`))
  if (caller.aborted) onAbort()
  else caller.addEventListener('abort', onAbort, { once: true })
  return {
    signal: stop.signal,
    over,
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]()
      caller.removeEventListener('abort', onAbort)
    },
  }
}
