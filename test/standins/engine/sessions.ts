import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** One content being played. */
export interface Session {
  readonly infohash: string
  readonly key: string
  readonly id: string
  readonly startedAt: number
  sentBytes: number
  reader: ServerResponse | undefined
}

export interface SessionCounters {
  opened: number
  superseded: number
  stopped: number
  expired: number
  stopsUnknown: number
  corruptReplies: number
}

/** The sessions of one engine. At most one per content: a second one ends the first, as measured on real engines. */
export interface Sessions {
  readonly counters: SessionCounters
  /** The session of a content and a player; the same pair gets the same session. */
  open(infohash: string, pid: string | null): Session
  find(infohash: string, key: string): Session | undefined
  /** Whether this pair once had a session that another player's start has ended. */
  wasSuperseded(infohash: string, key: string): boolean
  /** The content's session, whoever plays it. */
  of(infohash: string): Session | undefined
  stop(session: Session): void
  /** Somebody reads it: it does not expire until {@link Sessions.release}. */
  hold(session: Session, reader: ServerResponse): void
  release(session: Session): void
  /** Somebody has asked for a part of it: its expiry begins anew. */
  touch(session: Session): void
  all(): readonly Session[]
}

/** The key that real engines give when the caller names no player. */
const keyWithoutPid = 'f528764d624db129b32c21fbca0cb8d6'

/** Makes the sessions of an engine on which a session that nobody reads ends after `idleMs`. */
export function makeSessions(idleMs: number): Sessions {
  const byContent = new Map<string, Session>()
  const superseded = new Set<string>()
  const timers = new Map<Session, NodeJS.Timeout>()
  const counters: SessionCounters = {
    opened: 0,
    superseded: 0,
    stopped: 0,
    expired: 0,
    stopsUnknown: 0,
    corruptReplies: 0,
  }

  const end = (session: Session, how: 'superseded' | 'stopped' | 'expired') => {
    counters[how] += 1
    clearTimeout(timers.get(session))
    timers.delete(session)
    if (byContent.get(session.infohash) === session) byContent.delete(session.infohash)
    if (how === 'superseded') superseded.add(nameOf(session.infohash, session.key))
    session.reader?.destroy()
    session.reader = undefined
  }
  const touch = (session: Session) => {
    clearTimeout(timers.get(session))
    timers.delete(session)
    const isLive = byContent.get(session.infohash) === session
    if (!isLive || session.reader !== undefined) return
    timers.set(
      session,
      setTimeout(() => end(session, 'expired'), idleMs),
    )
  }

  return {
    counters,
    open: (infohash, pid) => {
      const key = pid === null ? keyWithoutPid : createHash('md5').update(pid).digest('hex')
      const present = byContent.get(infohash)
      if (present?.key === key) return present
      if (present !== undefined) end(present, 'superseded')
      const session = makeSession(infohash, key)
      counters.opened += 1
      byContent.set(infohash, session)
      superseded.delete(nameOf(infohash, key))
      touch(session)
      return session
    },
    find: (infohash, key) => {
      const session = byContent.get(infohash)
      return session?.key === key ? session : undefined
    },
    wasSuperseded: (infohash, key) => superseded.has(nameOf(infohash, key)),
    of: (infohash) => byContent.get(infohash),
    stop: (session) => end(session, 'stopped'),
    hold: (session, reader) => {
      session.reader = reader
      touch(session)
    },
    release: (session) => {
      session.reader = undefined
      touch(session)
    },
    touch,
    all: () => [...byContent.values()],
  }
}

const nameOf = (infohash: string, key: string) => `${infohash}/${key}`

function makeSession(infohash: string, key: string): Session {
  const startedAt = Date.now()
  const id = createHash('sha1').update(`${infohash}/${key}/${startedAt}`).digest('hex')
  return { infohash, key, id, startedAt, sentBytes: 0, reader: undefined }
}
