import { StoreUnavailable } from '../store/errors.ts'
import { DEFAULT_EVENTS } from '../store/limits.ts'
import type { EventQuery, FleetMemory, Store } from '../store/store.ts'
import type { FleetEvent } from '../telemetry/event.ts'
import type { Clock } from '../time/clock.ts'
import { storeReason } from './problem.ts'

/** How often all is read that nobody may have asked for: what is remembered is no older when the store goes, ms. */
const REFRESH_MS = 5_000
/** More fleets than one process looks after. */
const MAX_FLEETS = 200

/** What the API reads of the store. */
export type StoreReads = Pick<Store, 'statuses' | 'acceptedSpecs' | 'readFleet' | 'events'>

/** That answers are from before, because the store gives none now. */
export interface Staleness {
  /** In the store's words. */
  readonly reason: string
  /** Unix ms since when it has been away. */
  readonly since: number
  /** How old the oldest of the answers is, ms. */
  readonly ageMs: number
}

/** The reads of one request: the store's own answers, or while it is away its last ones. */
export interface Reading extends StoreReads {
  /** Of the answers given so far; undefined when all of them are the store's own. */
  staleness(): Staleness | undefined
}

/** The store's reads, with a memory for the time when it is away. What was never read rejects as the store does. */
export interface RememberedReads {
  begin(): Reading
  /** Keeps the memory young until aborted. */
  follow(signal: AbortSignal): Promise<void>
}

interface Known<Answer> {
  readonly answer: Answer
  /** Monotonic ms at which it was asked for. */
  readonly at: number
}

/** The last answer to each of the latest `limit` questions. */
function makeAnswers<Answer>(limit: number) {
  const known = new Map<string, Known<Answer>>()
  return {
    of: (key: string) => known.get(key),
    learn(key: string, next: Known<Answer>) {
      // Two may be under way at once; the later question has the later answer.
      if ((known.get(key)?.at ?? -Infinity) > next.at) return
      known.delete(key)
      known.set(key, next)
      const [oldest] = known.keys()
      if (known.size > limit && oldest !== undefined) known.delete(oldest)
    },
  }
}

/** Whether the answer to the query holds all of the newest events, and not a choice of them. */
function isTail({ fleet, after, limit = DEFAULT_EVENTS }: EventQuery): boolean {
  return fleet === undefined && after === undefined && limit >= DEFAULT_EVENTS
}

/** What of the newest events the query asks for. */
function choose(
  events: readonly FleetEvent[],
  { fleet, after = 0, limit = DEFAULT_EVENTS }: EventQuery,
): readonly FleetEvent[] {
  return events
    .filter((event) => event.sequence > after && (fleet === undefined || event.fleet === fleet))
    .slice(-limit)
}

export function rememberReads(store: StoreReads, clock: Clock): RememberedReads {
  const statuses = makeAnswers<Awaited<ReturnType<Store['statuses']>>>(1)
  const specs = makeAnswers<Awaited<ReturnType<Store['acceptedSpecs']>>>(1)
  const memories = makeAnswers<FleetMemory>(MAX_FLEETS)
  const tail = makeAnswers<readonly FleetEvent[]>(1)
  /** Unix ms since when the store has not answered; undefined while it does. */
  let awaySince: number | undefined

  function begin(): Reading {
    let oldest: number | undefined
    let reason = ''

    /** What the store answers, or what `recall` has where it is away. */
    async function read<Answer>(
      ask: () => Promise<Answer>,
      learn: (known: Known<Answer>) => void,
      recall: () => Known<Answer> | undefined,
    ): Promise<Answer> {
      const at = clock.monotonic()
      try {
        const answer = await ask()
        awaySince = undefined
        learn({ answer, at })
        return answer
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error
        awaySince ??= clock.now()
        const last = recall()
        if (last === undefined) throw error
        oldest = Math.min(oldest ?? last.at, last.at)
        reason = storeReason(error)
        return last.answer
      }
    }

    return {
      statuses: () =>
        read(
          () => store.statuses(),
          (known) => statuses.learn('', known),
          () => statuses.of(''),
        ),
      acceptedSpecs: () =>
        read(
          () => store.acceptedSpecs(),
          (known) => specs.learn('', known),
          () => specs.of(''),
        ),
      readFleet: (fleet, nowMs) =>
        read(
          () => store.readFleet(fleet, nowMs),
          (known) => memories.learn(fleet, known),
          () => memories.of(fleet),
        ),
      events: (query) =>
        read(
          () => store.events(query),
          (known) => isTail(query) && tail.learn('', known),
          () => {
            const last = tail.of('')
            return last === undefined ? undefined : { ...last, answer: choose(last.answer, query) }
          },
        ),
      staleness() {
        if (oldest === undefined) return undefined
        const since = awaySince ?? clock.now()
        return { reason, since, ageMs: Math.round(clock.monotonic() - oldest) }
      },
    }
  }

  async function refresh(): Promise<void> {
    const reading = begin()
    const [all, accepted] = await Promise.all([reading.statuses(), reading.acceptedSpecs()])
    await reading.events({})
    const fleets = new Set([...all, ...accepted].map(({ fleet }) => fleet))
    for (const fleet of fleets) await reading.readFleet(fleet, clock.now())
  }

  return {
    begin,
    async follow(signal) {
      while (!signal.aborted) {
        // Whoever asks is told why; here there is nobody.
        await refresh().catch(() => {})
        await clock.sleep(REFRESH_MS, signal).catch(() => {})
      }
    },
  }
}
