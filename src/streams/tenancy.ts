import { type Stopwatch, startStopwatch } from '../lease/stopwatch.ts'
import type { Identified } from '../store/claim.ts'
import { StoreUnavailable } from '../store/errors.ts'
import type { SessionFigures } from '../store/session-figures.ts'
import type { SessionStat } from '../store/session-stat.ts'
import { type Endpoint, RESERVATION_TTL_MS, type Reservation, type Store } from '../store/store.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'

/** Thrown, and given as `lost`'s reason, when a place on an engine is not this session's any more. */
class PlaceLost extends Error {
  override readonly name = 'PlaceLost'
  readonly code = 'ACE_PLACE_LOST'
}

export interface TenancyParts {
  readonly store: Pick<Store, 'reserve' | 'identify' | 'release'>
  readonly clock: Clock
  readonly log: Logger
  readonly fleet: string
  /** What is told of the session with each renewal. */
  readonly figures: () => SessionFigures
}

/** A session's place on one engine, for as long as it is renewed. */
export interface Tenancy extends AsyncDisposable {
  readonly endpoint: Endpoint
  /** Aborted with {@link PlaceLost} when the place is over. */
  readonly lost: AbortSignal
  /**
   * Whether the engine may be read in this very tick: the place is renewed, or the store was asked and is away, so that
   * nobody else can have got it. False after a pause of this process, until {@link assertHeld} has asked.
   */
  mayRead(): boolean
  /** Asserts the place anew where it has to be. @throws {PlaceLost} */
  assertHeld(): Promise<void>
  /** Bytes have come: the session is active from now on. @throws {PlaceLost} */
  activate(): Promise<void>
  /** Tells the infohash that the engine gave. @throws {StoreUnavailable} */
  identify(infohash: string): Promise<Identified>
  /** Bytes have come just now; told with the next renewal. */
  noteBytes(): void
  /** What its engine says of the session; told with each renewal from now on. */
  noteStat(stat: SessionStat | undefined): void
}

/** Three renewals in a lifetime, so that two may fail, ms. */
const RENEW_MS = RESERVATION_TTL_MS / 3
/** While the store does not answer, ms. */
const RETRY_MS = 1_000
/** Between what the store counts and what we do: a request that took this long is one too many, ms. */
const MARGIN_MS = 1_000

/** Keeps the place that a claim gave. `asked` was started before the claim was sent. Disposing it gives the place back. */
export function keepTenancy(
  parts: TenancyParts,
  claimed: Pick<Reservation, 'id' | 'content' | 'holder' | 'relay'> & {
    readonly endpoint: Endpoint
  },
  asked: Stopwatch,
): Tenancy {
  const { store, clock, log, fleet, figures } = parts
  const { endpoint, id, holder, relay } = claimed
  const { containerId, maxStreams } = endpoint
  const lost = new AbortController()
  let content = claimed.content
  let state: Reservation['state'] = 'pending'
  let lastBytesAt = 0
  let stat: SessionStat | undefined
  let renewed = asked
  /** Since the last answer was that the store is away, or that it does not know yet. */
  let blind: Stopwatch | undefined
  let renewal: Promise<void> | undefined
  let last: Promise<unknown> = Promise.resolve()
  let timer: Disposable | undefined
  let isOver = false

  const isFresh = (since: Stopwatch) => since.elapsedMs() < RESERVATION_TTL_MS - MARGIN_MS
  /** What was blind before this process stood still says nothing of now. */
  const isBlind = () => blind !== undefined && isFresh(blind)

  /** One request at a time: a renewal that overtook another, or told an old content, would undo it. */
  function inTurn<T>(request: () => Promise<T>): Promise<T> {
    const done = last.then(request)
    last = done.catch(() => {})
    return done
  }

  function lose(why: string): void {
    timer?.[Symbol.dispose]()
    if (!lost.signal.aborted) lost.abort(new PlaceLost(`${endpoint.slot} of ${fleet}: ${why}`))
  }

  function schedule(ms: number): void {
    timer?.[Symbol.dispose]()
    if (isOver || lost.signal.aborted) return
    timer = clock.timer(Math.max(1, ms), () => void renew().catch(() => {}))
  }

  async function ask(): Promise<void> {
    const sent = startStopwatch(clock)
    const nowMs = clock.now()
    const expiresAt = nowMs + RESERVATION_TTL_MS
    const wanted = {
      id,
      containerId,
      content,
      holder,
      relay,
      state,
      expiresAt,
      lastBytesAt,
      ...{ stat, figures: figures() },
    }
    try {
      const answer = await store.reserve(fleet, wanted, maxStreams, nowMs)
      if (answer === 'reserved') {
        renewed = sent
        blind = undefined
      } else if (answer === 'unsettled') blind = startStopwatch(clock)
      else lose(`the place is ${answer}`)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      if (blind === undefined)
        log.debug({ fleet, err: error, session: id }, 'a place could not be renewed')
      blind = startStopwatch(clock)
    } finally {
      schedule(blind === undefined ? RENEW_MS : RETRY_MS)
    }
  }

  /** Whoever asks meanwhile gets the answer that is on its way. */
  function renew(): Promise<void> {
    renewal ??= inTurn(ask).finally(() => {
      renewal = undefined
    })
    return renewal
  }

  const mayRead = () => !lost.signal.aborted && (isFresh(renewed) || isBlind())

  schedule(RENEW_MS - asked.elapsedMs())
  return {
    endpoint,
    lost: lost.signal,
    mayRead,
    async assertHeld() {
      // Again, where the answer was on its way while this process stood still.
      while (!mayRead()) {
        lost.signal.throwIfAborted()
        await renew()
      }
    },
    async activate() {
      // One that is on its way tells the old state.
      await renewal
      state = 'active'
      await renew()
      lost.signal.throwIfAborted()
    },
    async identify(infohash) {
      return await inTurn(async () => {
        const answer = await store.identify(fleet, id, content, infohash)
        if (answer.kind === 'only') content = infohash
        return answer
      })
    },
    noteBytes() {
      lastBytesAt = clock.now()
    },
    noteStat(next) {
      stat = next
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      lose('it was given back')
      // A renewal that arrived behind the release would take the place again.
      await inTurn(() => store.release(fleet, id, clock.now())).catch((error: unknown) => {
        log.debug({ fleet, err: error, session: id }, 'a place could not be given back, it lapses')
      })
    },
  }
}
