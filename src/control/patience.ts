import type { Clock } from '../time/clock.ts'

/** For how long a process that cannot act keeps a lease, where another one could, ms. */
export interface Patience {
  /** With trouble that was told of: the store, the lease servers or Docker fail. */
  readonly troubleMs: number
  /** With a Docker daemon that does not answer this process, and answers another one. */
  readonly dockerMs: number
}

/** Who gave way is more patient for so long afterwards, ms: what is slow for everybody must not have the lease go round. */
const CALM_MS = 600_000
/** … and twice as patient each time, up to 2³ times. */
const MOST_DOUBLINGS = 3

/** A patience that doubles with every time that it was lost. */
export interface GrowingPatience {
  now(): Patience
  /** It was lost. */
  lose(): void
}

export function growingPatience(base: Patience, clock: Pick<Clock, 'monotonic'>): GrowingPatience {
  let times = 0
  let lastAt = Number.NEGATIVE_INFINITY
  const isCalm = () => clock.monotonic() - lastAt >= CALM_MS
  return {
    now() {
      const factor = isCalm() ? 1 : 2 ** Math.min(times, MOST_DOUBLINGS)
      return { troubleMs: base.troubleMs * factor, dockerMs: base.dockerMs * factor }
    },
    lose() {
      times = isCalm() ? 1 : times + 1
      lastAt = clock.monotonic()
    },
  }
}
