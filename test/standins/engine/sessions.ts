import { createHash, randomBytes } from 'node:crypto'
import type { TraitsStore } from './traits.ts'

/** Who reads a progressive stream. */
export interface Reader {
  /** The session is over: the connection is closed, or left open without another byte. */
  end(by: 'close' | 'freeze'): void
}

/** One player's part in a session: what its URLs name. */
export interface Player {
  readonly key: string
  /** Of `/content/<infohash>/<token>`. */
  readonly token: string
  reader: Reader | undefined
}

export type Ending = 'superseded' | 'stopped' | 'expired'

/** One content being played. */
export interface Session {
  readonly infohash: string
  readonly id: string
  readonly startedAt: number
  /** One, unless players share it. */
  readonly players: Map<string, Player>
  sentBytes: number
  /** Settles when it is over. */
  readonly over: Promise<Ending>
}

const noCounts = {
  opened: 0,
  superseded: 0,
  stopped: 0,
  expired: 0,
  stopsUnknown: 0,
  corruptReplies: 0,
}

export interface Playing {
  readonly session: Session
  readonly player: Player
}

/** The sessions of one engine. At most one per content: a second one ends the first, as measured on real engines. */
export interface Sessions {
  readonly counters: typeof noCounts
  /**
   * The session of a content and a player (`pid`): the same pair gets the same one. A player has one content, so that
   * its start of another ends its first.
   */
  open(infohash: string, pid: string | null): Playing
  find(infohash: string, key: string): Playing | undefined
  findToken(infohash: string, token: string): Playing | undefined
  /** Whether this pair once had a session that another player's start has ended. */
  wasSuperseded(infohash: string, key: string): boolean
  /** The content's session, whoever plays it. */
  of(infohash: string): Session | undefined
  stop(session: Session): void
  /** Somebody reads it: it does not expire until {@link Sessions.release}. */
  hold(playing: Playing, reader: Reader): void
  release(playing: Playing, reader: Reader): void
  /** Somebody has asked for a part of it: its expiry begins anew. */
  touch(session: Session): void
  /** All are gone, and nobody is told: the engine has started anew. */
  forget(): void
  all(): readonly Session[]
}

/** The key that real engines give when the caller names no player. */
const keyWithoutPid = 'f528764d624db129b32c21fbca0cb8d6'

type LiveSession = Session & { readonly settle: (how: Ending) => void }

/** How idle sessions, second players and readers are treated is the content's traits'. */
export function makeSessions(traits: TraitsStore, now: () => number = Date.now): Sessions {
  const byContent = new Map<string, LiveSession>()
  const superseded = new Set<string>()
  const counters = { ...noCounts }
  const isLive = (session: Session) => byContent.get(session.infohash) === session
  const expiry = makeExpiry((session) => end(session, 'expired'))

  const end = (session: Session, how: Ending) => {
    const live = byContent.get(session.infohash)
    if (live !== session || live === undefined) return
    counters[how] += 1
    expiry.clear(session)
    byContent.delete(session.infohash)
    const { endsBy } = traits.of(session.infohash)
    for (const player of session.players.values()) {
      if (how === 'superseded') superseded.add(nameOf(session.infohash, player.key))
      player.reader?.end(endsBy)
      player.reader = undefined
    }
    live.settle(how)
  }
  const touch = (session: Session) => {
    expiry.clear(session)
    const isRead = [...session.players.values()].some(({ reader }) => reader !== undefined)
    if (isLive(session) && !isRead) expiry.begin(session, traits.of(session.infohash).idleMs)
  }
  /** A player has one content at a time. */
  const leaveOthers = (infohash: string, key: string) => {
    for (const session of [...byContent.values()]) {
      if (session.infohash === infohash || !session.players.has(key)) continue
      end(session, 'superseded')
    }
  }
  const begin = (infohash: string, key: string): LiveSession => {
    const session = makeSession(infohash, key, now())
    counters.opened += 1
    byContent.set(infohash, session)
    touch(session)
    return session
  }
  const find = (infohash: string, isOne: (player: Player) => boolean): Playing | undefined => {
    const session = byContent.get(infohash)
    const player = [...(session?.players.values() ?? [])].find(isOne)
    return session && player && { session, player }
  }

  return {
    counters,
    open: (infohash, pid) => {
      const key = pid === null ? keyWithoutPid : createHash('md5').update(pid).digest('hex')
      leaveOthers(infohash, key)
      superseded.delete(nameOf(infohash, key))
      let session = byContent.get(infohash)
      const isOthers = session !== undefined && !session.players.has(key)
      if (session !== undefined && isOthers && traits.of(infohash).second === 'supersedes') {
        end(session, 'superseded')
        session = undefined
      }
      session ??= begin(infohash, key)
      const player = session.players.get(key) ?? makePlayer(key)
      session.players.set(key, player)
      return { session, player }
    },
    find: (infohash, key) => find(infohash, (player) => player.key === key),
    findToken: (infohash, token) => find(infohash, (player) => player.token === token),
    wasSuperseded: (infohash, key) => superseded.has(nameOf(infohash, key)),
    of: (infohash) => byContent.get(infohash),
    stop: (session) => end(session, 'stopped'),
    hold: ({ session, player }, reader) => {
      player.reader = reader
      touch(session)
    },
    release: ({ session, player }, reader) => {
      if (player.reader !== reader) return
      player.reader = undefined
      touch(session)
    },
    touch,
    forget: () => {
      for (const session of byContent.values()) expiry.clear(session)
      byContent.clear()
      superseded.clear()
    },
    all: () => [...byContent.values()],
  }
}

/** One timer for each session that nobody reads. */
function makeExpiry(expire: (session: Session) => void) {
  const timers = new Map<Session, NodeJS.Timeout>()
  return {
    begin: (session: Session, ms: number) => {
      timers.set(
        session,
        setTimeout(() => expire(session), ms),
      )
    },
    clear: (session: Session) => {
      clearTimeout(timers.get(session))
      timers.delete(session)
    },
  }
}

const nameOf = (infohash: string, key: string) => `${infohash}/${key}`

function makePlayer(key: string): Player {
  return { key, token: randomBytes(16).toString('hex'), reader: undefined }
}

function makeSession(infohash: string, key: string, startedAt: number): LiveSession {
  const id = createHash('sha1').update(`${infohash}/${key}/${startedAt}`).digest('hex')
  const { promise: over, resolve: settle } = Promise.withResolvers<Ending>()
  return { infohash, id, startedAt, players: new Map(), sentBytes: 0, over, settle }
}
