import type { EngineStat } from '../engine/playback.ts'
import type { SessionStat } from '../store/session-stat.ts'
import type { Clock } from '../time/clock.ts'
import { amount } from './session-figures.ts'
import type { Sessions } from './sessions.ts'
import type { Source } from './source.ts'

/** Sees to it that the store learns what engines say of the sessions of this gateway. */
export interface SessionWatch {
  /** Looks once a second until aborted. */
  follow(signal: AbortSignal): Promise<void>
}

const LOOK_MS = 1_000
/** As often as it can be told: a reservation is renewed about so often, ms. */
const ASK_MS = 5_000
/** What an engine said so long ago says nothing of now: three answers were missed, ms. */
const STALE_MS = 3 * ASK_MS
/** Of the KB in which engines count (vendor documentation). */
const KB = 1_024

/** What is remembered of one source's engine. Monotonic ms; owned by the watch. */
interface Asked {
  isAsking: boolean
  askedAt: number
  stat: SessionStat | undefined
  answeredAt: number
}

/** Engines say -1 for what they do not know. */
function sessionStat({ peers, speedDown, speedUp }: EngineStat): SessionStat {
  return {
    peers: amount(peers),
    downBytesPerS: amount(speedDown * KB),
    upBytesPerS: amount(speedUp * KB),
  }
}

export function makeSessionWatch(sessions: Pick<Sessions, 'list'>, clock: Clock): SessionWatch {
  const known = new WeakMap<Source, Asked>()

  /** Never more than one at a time of a source, and nobody waits for it: an engine that hangs disturbs nothing. */
  async function ask(source: Source, asked: Asked, signal: AbortSignal): Promise<void> {
    asked.isAsking = true
    asked.askedAt = clock.monotonic()
    try {
      const stat = await source.stat(signal)
      if (stat === undefined) return
      asked.stat = sessionStat(stat)
      asked.answeredAt = clock.monotonic()
    } finally {
      asked.isAsking = false
    }
  }

  function askedOf(source: Source): Asked {
    const found = known.get(source)
    if (found !== undefined) return found
    const asked = { isAsking: false, askedAt: -Infinity, stat: undefined, answeredAt: -Infinity }
    known.set(source, asked)
    return asked
  }

  function look(signal: AbortSignal): void {
    const now = clock.monotonic()
    for (const { session } of sessions.list()) {
      const { source } = session
      if (source?.endpoint === undefined) continue
      const asked = askedOf(source)
      if (!asked.isAsking && now - asked.askedAt >= ASK_MS)
        void ask(source, asked, signal).catch(() => {})
      source.noteStat(now - asked.answeredAt < STALE_MS ? asked.stat : undefined)
    }
  }

  return {
    async follow(signal) {
      while (!signal.aborted) {
        look(signal)
        await clock.sleep(LOOK_MS, signal).catch(() => {})
      }
    },
  }
}
