import { z } from 'zod'
import type { ContainerId } from '../../docker/port.ts'
import type { PlayingSession } from '../claim.ts'
import { LAPSED_KEPT_MS } from '../limits.ts'
import { formatSessionFigures } from '../session-figures.ts'
import { formatSessionStat } from '../session-stat.ts'
import { RESERVATION_TTL_MS, type Reservation, type Reserved } from '../store.ts'
import type { Sql } from './database.ts'
import { findMark } from './memory.ts'

const heldSchema = z.object({ containerId: z.string(), holder: z.string(), state: z.string() })
const countSchema = z.object({ count: z.number() })
const birthSchema = z.object({ bornAt: z.number() })

type Held = z.output<typeof heldSchema>

function findHeld(sql: Sql, fleet: string, id: string): Held | undefined {
  const row = sql.get(
    'SELECT container_id AS containerId, holder, state FROM reservation WHERE fleet = ? AND id = ?',
    fleet,
    id,
  )
  return row === undefined ? undefined : heldSchema.parse(row)
}

/**
 * What has been seen to lapse stays lapsed: its place may have been given away, so a wall clock that steps back must not
 * bring it to life beside its successor (I3).
 */
export function lapse(sql: Sql, nowMs: number): void {
  sql.run(`UPDATE reservation SET state = 'lapsed' WHERE expires_at <= ?`, nowMs)
  sql.run('DELETE FROM reservation WHERE expires_at <= ?', nowMs - LAPSED_KEPT_MS)
}

const aliasSchema = z.object({ meaning: z.string() }).optional()

/** What a content turned out to be: engines tell which infohash an id stands for. */
export function meaningOf(sql: Sql, fleet: string, content: string): string {
  const row = sql.get('SELECT meaning FROM alias WHERE fleet = ? AND content = ?', fleet, content)
  return aliasSchema.parse(row)?.meaning ?? content
}

const playingSchema = z.object({
  id: z.string(),
  containerId: z.custom<ContainerId>((value) => typeof value === 'string'),
  holder: z.string(),
  relay: z.string(),
})

/** The session that plays a content, if one lives; of one that moves, the new one. To be asked behind {@link lapse}. */
export function findPlaying(sql: Sql, fleet: string, content: string): PlayingSession | undefined {
  const row = sql.get(
    `SELECT id, container_id AS containerId, holder, relay FROM reservation
     WHERE fleet = ? AND content = ? AND state <> 'lapsed'
     ORDER BY state = 'pending' DESC, id LIMIT 1`,
    fleet,
    content,
  )
  return row === undefined ? undefined : playingSchema.parse(row)
}

function othersOn(sql: Sql, fleet: string, id: string, engine: ContainerId): number {
  const row = sql.get(
    `SELECT count(*) AS count FROM reservation
     WHERE fleet = ? AND container_id = ? AND state <> 'lapsed' AND id <> ?`,
    fleet,
    engine,
    id,
  )
  return countSchema.parse(row).count
}

/** Until when sessions may run that the store has never heard of, or has forgotten; undefined when none can any more. */
export function youngUntil(sql: Sql, nowMs: number): number | undefined {
  // A clock that was put back: count from now, lest claims wait for it to catch up.
  sql.run('UPDATE meta SET born_at = ?1 WHERE born_at > ?1', nowMs)
  const { bornAt } = birthSchema.parse(sql.get('SELECT born_at AS bornAt FROM meta'))
  const settlesAt = bornAt + RESERVATION_TTL_MS
  return nowMs < settlesAt ? settlesAt : undefined
}

/**
 * Reserves or renews, in one transaction (I3, I7):
 * - A renewal in time is always granted, on a marked engine too: a draining engine must not seem idle while its streams
 *   still run (I5), and the session is already counted.
 * - A lapsed one is granted again if there is room, on a draining engine too unless its stop is decided: the session was
 *   admitted before the mark. A failed engine takes nothing back.
 * - While the store is young, an active one that it does not know counts as lapsed: its holder asserts what the store
 *   may have forgotten. A pending one is `unsettled`: whether there is room is not known yet.
 * - Of one content there is one session: what lapsed or was forgotten is `taken` when another plays it by now.
 * - Anything else is a new claim: refused by any mark, and by a full engine.
 * - An id that another holder has, and that has not lapsed, is taken: answered as `full`.
 */
export function reserve(
  sql: Sql,
  fleet: string,
  wanted: Reservation,
  maxStreams: number,
  nowMs: number,
): Reserved {
  lapse(sql, nowMs)
  // A session that is still starting goes by what it was asked for, though it is known by now what that is.
  const content = meaningOf(sql, fleet, wanted.content)
  const held = findHeld(sql, fleet, wanted.id)
  const isLive = held !== undefined && held.state !== 'lapsed'
  if (isLive && held.holder !== wanted.holder) return 'full'
  const isSame = held?.holder === wanted.holder && held.containerId === wanted.containerId
  if (!(isSame && isLive)) {
    const young = youngUntil(sql, nowMs) !== undefined
    const isAssertion = young && wanted.state === 'active'
    const mark = findMark(sql, fleet, wanted.containerId)
    const mayReturn =
      (isSame || isAssertion) && mark?.kind === 'draining' && mark.stopAt === undefined
    if (mark !== undefined && !mayReturn) return 'marked'
    if (young && !isAssertion) return 'unsettled'
    const playing = findPlaying(sql, fleet, content)
    if (playing !== undefined && playing.id !== wanted.id) return 'taken'
    if (othersOn(sql, fleet, wanted.id, wanted.containerId) >= maxStreams) return 'full'
  }
  write(sql, fleet, { ...wanted, content }, nowMs)
  return 'reserved'
}

export function write(sql: Sql, fleet: string, wanted: Reservation, nowMs: number): void {
  sql.run(
    `INSERT OR REPLACE INTO reservation (fleet, id, container_id, content, holder, state, expires_at, relay, stat, figures)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    fleet,
    wanted.id,
    wanted.containerId,
    wanted.content,
    wanted.holder,
    wanted.state,
    wanted.expiresAt,
    wanted.relay,
    formatSessionStat(wanted.stat),
    formatSessionFigures(wanted.figures),
  )
  // What lies ahead was written before the clock was put back, while no process ran: it may have been just now.
  sql.run(
    `INSERT INTO traffic (fleet, container_id, last_bytes_at) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET last_bytes_at =
       max(min(last_bytes_at, ?), excluded.last_bytes_at)`,
    fleet,
    wanted.containerId,
    wanted.lastBytesAt,
    nowMs,
  )
}

/** Gives a session back. Unknown ids are fine. */
export function release(sql: Sql, fleet: string, id: string, nowMs: number): void {
  const held = findHeld(sql, fleet, id)
  if (held === undefined) return
  noteUse(sql, fleet, held.containerId, nowMs)
  sql.run('DELETE FROM reservation WHERE fleet = ? AND id = ?', fleet, id)
}

/** Remembers when an engine was last claimed or released. Its row is there: the claim wrote it. */
export function noteUse(sql: Sql, fleet: string, engine: string, nowMs: number): void {
  sql.run(
    'UPDATE traffic SET used_at = ? WHERE fleet = ? AND container_id = ?',
    nowMs,
    fleet,
    engine,
  )
}
