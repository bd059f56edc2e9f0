import type { Clock } from '../time/clock.ts'

/** First and longest hold after a failure, ms: long enough not to hammer a daemon in trouble, short enough to notice its return. */
const HOLD_MS = { first: 1_000, longest: 60_000 }

/** Failures in a row that are no passing weather any more: three of them take seconds. */
const LASTING_FAILURES = 3

interface Hold {
  readonly failures: number
  /** By the clock that never steps. */
  readonly until: number
  readonly why: string
}

/** Keeps what has just failed from being tried again at once. */
export interface Holds {
  /** `why` is for people. */
  failed(key: string, why: string): void
  succeeded(key: string): void
  isHeld(key: string): boolean
  /** Unix ms at which the next hold ends; undefined when nothing is held. */
  nextEnd(): number | undefined
  /** What fails again and again, by key: why it failed last. */
  lasting(): ReadonlyMap<string, string>
}

export function makeHolds(clock: Pick<Clock, 'now' | 'monotonic'>): Holds {
  const holds = new Map<string, Hold>()

  /** Keys are container ids and slots: those long over belong to containers long gone. */
  function prune(now: number): void {
    for (const [key, hold] of holds) if (now > hold.until + HOLD_MS.longest) holds.delete(key)
  }

  return {
    failed(key, why) {
      const now = clock.monotonic()
      prune(now)
      const failures = (holds.get(key)?.failures ?? 0) + 1
      const pause = Math.min(HOLD_MS.first * 2 ** (failures - 1), HOLD_MS.longest)
      holds.set(key, { failures, until: now + pause, why })
    },
    succeeded: (key) => void holds.delete(key),
    isHeld: (key) => clock.monotonic() < (holds.get(key)?.until ?? 0),
    nextEnd() {
      const left = [...holds.values()]
        .map(({ until }) => until - clock.monotonic())
        .filter((ms) => ms > 0)
      return left.length === 0 ? undefined : clock.now() + Math.min(...left)
    },
    lasting() {
      prune(clock.monotonic())
      return new Map(
        [...holds].flatMap(([key, { failures, why }]) =>
          failures < LASTING_FAILURES ? [] : [[key, why] as const],
        ),
      )
    },
  }
}
