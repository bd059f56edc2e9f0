import type { SessionFigures } from '../store/session-figures.ts'
import { contentKey, type Wanted } from '../streams/content.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import { makeDeadChannels } from './dead-channels.ts'
import type { Cursor } from './fanout/cursor.ts'
import { PlayedHere } from './find-source.ts'
import type { FindSource } from './quest.ts'
import { StreamRefused } from './refusal.ts'
import { Session } from './session.ts'
import { sessionFigures } from './session-figures.ts'
import type { SessionNews } from './session-news.ts'
import type { GatewaySettings } from './settings.ts'
import type { Source } from './source.ts'
import type { Traffic } from './traffic.ts'

export interface SessionsParts {
  readonly clock: Clock
  readonly log: Logger
  readonly settings: GatewaySettings
  readonly traffic: Pick<Traffic, 'count'>
  /** `figures` are those of the session that looks for a source. */
  readonly makeFind: (wanted: Wanted, figures: () => SessionFigures) => FindSource
  readonly isLeaving: (source: Source) => boolean
  readonly onNews: (key: string, news: SessionNews) => void
}

/** A viewer's place in a session. */
export interface Seat extends Disposable {
  readonly session: Session
  readonly cursor: Cursor
}

/** What one gateway plays: a session for each content, however many ask for it at once. */
export interface Sessions extends AsyncDisposable {
  /**
   * Joins the content's session, which begins with its first viewer, and waits until its first bytes are there. `pump` is
   * called when there is something to read. @throws {StreamRefused}
   */
  join(wanted: Wanted, pump: () => void, signal: AbortSignal): Promise<Seat>
  /** Joins the session that plays by this reservation on an engine; undefined when there is none. @throws {StreamRefused} */
  joinReservation(id: string, pump: () => void, signal: AbortSignal): Promise<Seat> | undefined
  /** Of living sessions, by what they were asked for first. */
  list(): readonly SessionView[]
  /** A living session, by what it was asked for. */
  find(key: string): Session | undefined
  /** Takes no new viewers from now on; those that are there go on. */
  stop(): void
  readonly isStopping: boolean
  /** Whether a living session plays, or is about to play, by this reservation. */
  holds(reservationId: string): boolean
}

export interface SessionView {
  readonly key: string
  readonly session: Session
  readonly viewers: number
  readonly startedAt: number
}

/** What a viewer is told who comes too late: a load balancer has another gateway for the next try. */
export function stopping(): StreamRefused {
  return new StreamRefused('stopping', 'this gateway is stopping', 1)
}

/** CPU goes by writes, not by bytes: a fifth at 20 ms, and no player notices, ms. */
const BATCH_MS = 20

interface Room {
  readonly key: string
  readonly session: Session
  readonly startedAt: number
  readonly pumps: Set<() => void>
  /** Waiting for its first bytes, or reading. */
  viewers: number
  linger: Disposable | undefined
}

export function makeSessions(parts: SessionsParts): Sessions {
  const { clock, log, settings, traffic, makeFind, isLeaving } = parts
  /** By the key that was asked for. Two keys of one content have one room once that is known. */
  const rooms = new Map<string, Room>()
  const closing = new Set<Promise<void>>()
  const dead = makeDeadChannels(clock, settings.deadMs)
  const due = new Set<Room>()
  let batch: Disposable | undefined
  let isStopping = false

  function flush(): void {
    batch = undefined
    for (const room of due) for (const pump of room.pumps) pump()
    due.clear()
  }

  /** A lone viewer's first bytes wait for nobody: it pumps by itself when it joins. */
  function wake(room: Room): void {
    due.add(room)
    batch ??= clock.timer(BATCH_MS, flush)
  }

  const roomOf = (reservationId: string) =>
    [...rooms.values()].find(({ session }) => session.holds(reservationId))

  function open(key: string, wanted: Wanted): Room {
    const session = new Session({
      content: wanted.content,
      find: makeFind(wanted, () => sessionFigures(room, clock.monotonic())),
      isLeaving,
      settings,
      clock,
      traffic,
      log: log.child({ content: key }),
      onNews: (news) => hear(room, news),
      onBytes: () => wake(room),
    })
    const startedAt = clock.now()
    const room: Room = { key, session, startedAt, pumps: new Set(), viewers: 0, linger: undefined }
    rooms.set(key, room)
    return room
  }

  /** Of this very room: the content may have another one by now. */
  function hear(room: Room, news: SessionNews): void {
    parts.onNews(room.key, news)
    if (news.kind !== 'ended') return
    const { failure } = room.session
    // What is worth another try soon was the engines' fault, and not the channel's.
    const isDead = failure !== undefined && failure.retryAfterS === undefined
    if (isDead && ['unknown', 'engine'].includes(failure.reason)) dead.note(room.key, failure)
    forget(room)
  }

  function forget(room: Room): void {
    for (const [key, each] of rooms) if (each === room) rooms.delete(key)
    room.linger?.[Symbol.dispose]()
  }

  function close(room: Room, why: string): Promise<void> {
    forget(room)
    const closed = room.session.close(why).finally(() => closing.delete(closed))
    closing.add(closed)
    return closed
  }

  function leave(room: Room): void {
    room.viewers -= 1
    if (room.viewers > 0 || room.session.isOver) return
    room.linger?.[Symbol.dispose]()
    room.linger = clock.timer(
      settings.graceMs,
      () => void close(room, 'nobody watches it any more'),
    )
  }

  /** Waits for the first bytes; the viewer may give up, and others wait on. */
  async function started(room: Room, signal: AbortSignal): Promise<void> {
    const gone = Promise.withResolvers<never>()
    const onAbort = () => gone.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    gone.promise.catch(() => {})
    if (signal.aborted) onAbort()
    try {
      await Promise.race([room.session.started, gone.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async function enter(room: Room, pump: () => void, signal: AbortSignal): Promise<Seat> {
    room.linger?.[Symbol.dispose]()
    room.viewers += 1
    let hasLeft = false
    const leaveOnce = () => {
      if (hasLeft) return
      hasLeft = true
      room.pumps.delete(pump)
      leave(room)
    }
    try {
      await started(room, signal)
    } catch (error) {
      leaveOnce()
      throw error
    }
    room.pumps.add(pump)
    const cursor = room.session.feed.join(settings.backlogMs, clock.monotonic())
    return { session: room.session, cursor, [Symbol.dispose]: leaveOnce }
  }

  return {
    async join(wanted, pump, signal) {
      if (isStopping) throw stopping()
      const key = contentKey(wanted.content)
      const refusal = dead.find(key)
      if (refusal !== undefined) throw refusal
      const room = rooms.get(key) ?? open(key, wanted)
      try {
        return await enter(room, pump, signal)
      } catch (error) {
        if (!(error instanceof PlayedHere)) throw error
        const other = roomOf(error.reservationId)
        if (other === undefined) throw new StreamRefused('starting', error.message, 1)
        rooms.set(key, other)
        return await enter(other, pump, signal)
      }
    },
    joinReservation(id, pump, signal) {
      const room = isStopping ? undefined : roomOf(id)
      return room && enter(room, pump, signal)
    },
    list: () =>
      [...new Set(rooms.values())].map(({ key, session, viewers, startedAt }) => {
        return { key, session, viewers, startedAt }
      }),
    find: (key) => rooms.get(key)?.session,
    stop() {
      isStopping = true
    },
    get isStopping() {
      return isStopping
    },
    holds: (id) => roomOf(id) !== undefined,
    async [Symbol.asyncDispose]() {
      isStopping = true
      const closed = [...new Set(rooms.values())].map((room) => close(room, 'its gateway ends'))
      await Promise.all([...closing, ...closed])
      batch?.[Symbol.dispose]()
      // The last bytes, and the end, are the viewers' before the connections are closed.
      flush()
    },
  }
}
