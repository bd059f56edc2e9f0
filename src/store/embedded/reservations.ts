import { z } from 'zod'
import type { ContainerId } from '../../docker/port.ts'
import { LAPSED_KEPT_MS } from '../limits.ts'
import { RESERVATION_TTL_MS, type Reservation } from '../store.ts'
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
function lapse(sql: Sql, nowMs: number): void {
  sql.run(`UPDATE reservation SET state = 'lapsed' WHERE expires_at <= ?`, nowMs)
  sql.run('DELETE FROM reservation WHERE expires_at <= ?', nowMs - LAPSED_KEPT_MS)
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

/** Whether sessions may still run that the store has never heard of, or has forgotten. */
function isYoung(sql: Sql, nowMs: number): boolean {
  // A clock that was put back: count from now, lest claims wait for it to catch up.
  sql.run('UPDATE meta SET born_at = ?1 WHERE born_at > ?1', nowMs)
  const { bornAt } = birthSchema.parse(sql.get('SELECT born_at AS bornAt FROM meta'))
  return nowMs < bornAt + RESERVATION_TTL_MS
}

/**
 * Reserves or renews, in one transaction (I3, I7):
 * - A renewal in time is always granted, on a marked engine too: a draining engine must not seem idle while its streams
 *   still run (I5), and the session is already counted.
 * - A lapsed one is granted again if there is room, on a draining engine too unless its stop is decided: the session was
 *   admitted before the mark. A failed engine takes nothing back.
 * - While the store is young, an active one that it does not know counts as lapsed: its holder asserts what the store
 *   may have forgotten. A pending one is `unsettled`: whether there is room is not known yet.
 * - Anything else is a new claim: refused by any mark, and by a full engine.
 * - An id that another holder has, and that has not lapsed, is taken: answered as `full`.
 */
export function reserve(
  sql: Sql,
  fleet: string,
  wanted: Reservation,
  maxStreams: number,
  nowMs: number,
): 'reserved' | 'full' | 'marked' | 'unsettled' {
  lapse(sql, nowMs)
  const held = findHeld(sql, fleet, wanted.id)
  const isLive = held !== undefined && held.state !== 'lapsed'
  if (isLive && held.holder !== wanted.holder) return 'full'
  const isSame = held?.holder === wanted.holder && held.containerId === wanted.containerId
  if (!(isSame && isLive)) {
    const young = isYoung(sql, nowMs)
    const isAssertion = young && wanted.state === 'active'
    const mark = findMark(sql, fleet, wanted.containerId)
    const mayReturn =
      (isSame || isAssertion) && mark?.kind === 'draining' && mark.stopAt === undefined
    if (mark !== undefined && !mayReturn) return 'marked'
    if (young && !isAssertion) return 'unsettled'
    if (othersOn(sql, fleet, wanted.id, wanted.containerId) >= maxStreams) return 'full'
  }
  write(sql, fleet, wanted)
  return 'reserved'
}

function write(sql: Sql, fleet: string, wanted: Reservation): void {
  sql.run(
    `INSERT OR REPLACE INTO reservation (fleet, id, container_id, content, holder, state, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    fleet,
    wanted.id,
    wanted.containerId,
    wanted.content,
    wanted.holder,
    wanted.state,
    wanted.expiresAt,
  )
  sql.run(
    `INSERT INTO traffic (fleet, container_id, last_bytes_at) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET last_bytes_at = max(last_bytes_at, excluded.last_bytes_at)`,
    fleet,
    wanted.containerId,
    wanted.lastBytesAt,
  )
}

/** Gives a session back. Unknown ids are fine. */
export function release(sql: Sql, fleet: string, id: string): void {
  sql.run('DELETE FROM reservation WHERE fleet = ? AND id = ?', fleet, id)
}
