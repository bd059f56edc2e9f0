import { StoreUnavailable } from '../store/errors.ts'
import { DEFAULT_EVENTS } from '../store/limits.ts'
import type { AcceptedSpec, EventQuery, FleetMemory, Reservation, Store } from '../store/store.ts'
import type { FleetEvent } from '../telemetry/event.ts'
import type { FleetStatus } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'
import { storeReason } from './problem.ts'

/** How often all is read that nobody may have asked for: what is remembered is no older when the store goes, ms. */
const REFRESH_MS = 5_000
/** More fleets than one process looks after. */
const MAX_FLEETS = 200
/** The key of questions about everything. */
const ALL = ''

/** What the API reads of the store. */
export type StoreReads = Pick<
  Store,
  'statuses' | 'acceptedSpecs' | 'readFleet' | 'sessions' | 'events'
>

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

/** The last answers to the latest questions of one kind. */
interface Answers<Answer> {
  of(key: string): Known<Answer> | undefined
  learn(key: string, next: Known<Answer>): void
}

function makeAnswers<Answer>(limit: number): Answers<Answer> {
  const known = new Map<string, Known<Answer>>()
  return {
    of: (key) => known.get(key),
    learn(key, next) {
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

function makeMemory() {
  return {
    statuses: makeAnswers<readonly FleetStatus[]>(1),
    specs: makeAnswers<readonly AcceptedSpec[]>(1),
    fleets: makeAnswers<FleetMemory>(MAX_FLEETS),
    sessions: makeAnswers<readonly Reservation[]>(MAX_FLEETS),
    tail: makeAnswers<readonly FleetEvent[]>(1),
    /** Unix ms since when the store has not answered; undefined while it does. Owned by the readings. */
    awaySince: undefined as number | undefined,
  }
}

function beginReading(
  store: StoreReads,
  clock: Clock,
  memory: ReturnType<typeof makeMemory>,
): Reading {
  let oldest: number | undefined
  let reason = ''

  /** What the store answers, or where it is away, what is remembered. */
  async function read<Answer>(
    answers: Answers<Answer>,
    key: string | undefined,
    ask: () => Promise<Answer>,
    choose: (answer: Answer) => Answer = (answer) => answer,
  ): Promise<Answer> {
    const at = clock.monotonic()
    try {
      const answer = await ask()
      memory.awaySince = undefined
      if (key !== undefined) answers.learn(key, { answer, at })
      return answer
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      memory.awaySince ??= clock.now()
      const last = answers.of(key ?? ALL)
      if (last === undefined) throw error
      oldest = Math.min(oldest ?? last.at, last.at)
      reason = storeReason(error)
      return choose(last.answer)
    }
  }

  return {
    statuses: () => read(memory.statuses, ALL, () => store.statuses()),
    acceptedSpecs: () => read(memory.specs, ALL, () => store.acceptedSpecs()),
    readFleet: (fleet, nowMs) => read(memory.fleets, fleet, () => store.readFleet(fleet, nowMs)),
    sessions: (fleet, nowMs) => read(memory.sessions, fleet, () => store.sessions(fleet, nowMs)),
    events: (query) =>
      read(
        memory.tail,
        isTail(query) ? ALL : undefined,
        () => store.events(query),
        (events) => choose(events, query),
      ),
    staleness() {
      if (oldest === undefined) return undefined
      const since = memory.awaySince ?? clock.now()
      return { reason, since, ageMs: Math.round(clock.monotonic() - oldest) }
    },
  }
}

export function rememberReads(store: StoreReads, clock: Clock): RememberedReads {
  const memory = makeMemory()
  const begin = () => beginReading(store, clock, memory)

  async function refresh(): Promise<void> {
    const reading = begin()
    const [all, accepted] = await Promise.all([reading.statuses(), reading.acceptedSpecs()])
    await reading.events({})
    const fleets = new Set([...all, ...accepted].map(({ fleet }) => fleet))
    for (const fleet of fleets) {
      await reading.readFleet(fleet, clock.now())
      await reading.sessions(fleet, clock.now())
    }
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
