import type { Clock } from '../time/clock.ts'
import type { StreamRefused } from './refusal.ts'

/** Contents that would not start lately: asking for them again takes no engine from others. */
export interface DeadChannels {
  note(key: string, refusal: StreamRefused): void
  /** Why it would not start; undefined for one that may. */
  find(key: string): StreamRefused | undefined
  forget(key: string): void
}

/** However many wrong ids somebody tries. */
const MOST = 1_000

/** `forMs` after it was noted, a channel may be tried again. */
export function makeDeadChannels(clock: Pick<Clock, 'monotonic'>, forMs: number): DeadChannels {
  const dead = new Map<string, { readonly refusal: StreamRefused; readonly until: number }>()
  return {
    note(key, refusal) {
      dead.delete(key)
      dead.set(key, { refusal, until: clock.monotonic() + forMs })
      const [oldest] = dead.keys()
      if (dead.size > MOST && oldest !== undefined) dead.delete(oldest)
    },
    find(key) {
      const found = dead.get(key)
      if (found === undefined || clock.monotonic() < found.until) return found?.refusal
      dead.delete(key)
      return undefined
    },
    forget: (key) => void dead.delete(key),
  }
}
