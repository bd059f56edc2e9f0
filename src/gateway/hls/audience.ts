import { contentKey, type Wanted } from '../../streams/content.ts'
import type { Clock } from '../../time/clock.ts'
import type { BufferLimits } from '../fanout/shared-buffer.ts'
import type { Session } from '../session.ts'
import type { Seat, Sessions } from '../sessions.ts'

export interface AudienceParts {
  readonly sessions: Sessions
  readonly clock: Pick<Clock, 'monotonic'>
  /** What is kept of a session for viewers with a connection, and for those without one. */
  readonly buffers: { readonly streams: BufferLimits; readonly hls: BufferLimits }
  /** `firstListMs`: from its first request to the list; undefined when it got none. */
  readonly onLeave: (key: string, firstListMs: number | undefined) => void
}

export interface Attendance {
  readonly session: Session
  /** Whether it has been sent a list before. */
  readonly isServed: boolean
  /** It has been sent a list. */
  noteServed(): void
}

/**
 * Viewers without a connection: each has a seat in its session from its first request until it has not asked for
 * anything for some time.
 */
export interface Audience {
  /** This client's seat, which it takes if it has none. @throws {StreamRefused} */
  attend(client: string, wanted: Wanted, signal: AbortSignal): Promise<Attendance>
  /** It asked for something of the content. */
  touch(client: string, key: string): void
  /** It is served nothing after all; that is not told as its leaving. */
  dismiss(client: string, key: string): void
  /** Whoever has not asked for too long has left. To be called about once a second. */
  look(): void
}

/** Players ask again after a target duration at most; a fourth one is not waited for. */
const TARGETS = 3
const SHORTEST_MS = 15_000
/** Who they are is their own saying: beyond so many they share a seat. */
const MOST = 1_000

interface Place extends Attendance {
  readonly key: string
  readonly seat: Seat
  askedAt: number
  firstListMs: number | undefined
}

export function makeAudience({ sessions, clock, buffers, onLeave }: AudienceParts): Audience {
  const places = new Map<string, Place>()
  const idOf = (client: string, key: string) => {
    const id = `${key} ${client}`
    return places.has(id) || places.size < MOST ? id : key
  }

  function leave(id: string): Place | undefined {
    const place = places.get(id)
    if (place === undefined) return undefined
    places.delete(id)
    const { session } = place
    const isLast = ![...places.values()].some((other) => other.session === session)
    if (isLast) session.feed.buffer.limit(buffers.streams)
    place.seat[Symbol.dispose]()
    return place
  }

  function lapse(id: string): void {
    const place = leave(id)
    if (place !== undefined) onLeave(place.key, place.firstListMs)
  }

  function sit(id: string, key: string, seat: Seat, begunAt: number): Place {
    const place: Place = {
      ...{ key, seat, session: seat.session },
      ...{ askedAt: clock.monotonic(), firstListMs: undefined },
      get isServed() {
        return place.firstListMs !== undefined
      },
      noteServed: () => {
        place.firstListMs ??= clock.monotonic() - begunAt
      },
    }
    places.set(id, place)
    seat.session.feed.buffer.limit(buffers.hls)
    return place
  }

  /** Its place, while that is in the session which plays now. */
  function find(id: string, key: string): Place | undefined {
    const place = places.get(id)
    if (place === undefined) return undefined
    const { session } = place
    if (!session.isOver && sessions.find(key) === session) return place
    lapse(id)
    return undefined
  }

  function patienceMs({ seat }: Place): number {
    const targetS = seat.session.feed.segments.targetS ?? 0
    return Math.max(SHORTEST_MS, TARGETS * targetS * 1_000)
  }

  return {
    async attend(client, wanted, signal) {
      const key = contentKey(wanted.content)
      const id = idOf(client, key)
      const begunAt = clock.monotonic()
      const known = find(id, key)
      if (known !== undefined) {
        known.askedAt = begunAt
        return known
      }
      const seat = await sessions.join(wanted, () => {}, signal)
      // Another request of the same client's may have been quicker.
      const other = find(id, key)
      if (other === undefined) return sit(id, key, seat, begunAt)
      seat[Symbol.dispose]()
      return other
    },
    touch(client, key) {
      const place = places.get(idOf(client, key))
      if (place !== undefined) place.askedAt = clock.monotonic()
    },
    dismiss: (client, key) => void leave(idOf(client, key)),
    look() {
      const now = clock.monotonic()
      for (const [id, place] of places) {
        if (place.seat.session.isOver || now - place.askedAt >= patienceMs(place)) lapse(id)
      }
    },
  }
}
