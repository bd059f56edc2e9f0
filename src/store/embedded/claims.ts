import { z } from 'zod'
import type { ContainerId } from '../../docker/port.ts'
import type { Claim, ClaimAnswer, Identified, SessionCount } from '../claim.ts'
import { ALIASES_KEPT } from '../limits.ts'
import { parseSessionFigures } from '../session-figures.ts'
import { parseSessionStat } from '../session-stat.ts'
import type { Endpoint, Reservation } from '../store.ts'
import type { Sql } from './database.ts'
import { findMark } from './memory.ts'
import { readEndpoints } from './published.ts'
import { findPlaying, lapse, meaningOf, noteUse, write, youngUntil } from './reservations.ts'

const loadSchema = z.object({ active: z.number(), pending: z.number(), usedAt: z.number() })

/** Sessions on an engine, and when one of them was last claimed or released. */
interface Use extends SessionCount {
  readonly usedAt: number
}

function useOf(sql: Sql, fleet: string, engine: ContainerId): Use {
  const row = sql.get(
    `SELECT count(*) FILTER (WHERE state = 'active') AS active,
       count(*) FILTER (WHERE state = 'pending') AS pending,
       coalesce((SELECT used_at FROM traffic WHERE fleet = ?1 AND container_id = ?2), 0) AS usedAt
     FROM reservation WHERE fleet = ?1 AND container_id = ?2`,
    fleet,
    engine,
  )
  return loadSchema.parse(row)
}

interface Candidate {
  readonly endpoint: Endpoint
  readonly use: Use
  readonly room: number
}

/** Fewest sessions, then forwarded, then longest unused. What is alike stays in the order in which it was published. */
function compare(a: Candidate, b: Candidate): number {
  return (
    a.use.active + a.use.pending - (b.use.active + b.use.pending) ||
    Number(b.endpoint.forwarded) - Number(a.endpoint.forwarded) ||
    a.use.usedAt - b.use.usedAt
  )
}

function claimed(endpoint: Endpoint, { active, pending }: SessionCount): ClaimAnswer {
  return { kind: 'claimed', endpoint, load: { active, pending } }
}

/** Chooses an engine and reserves a pending session there, in one transaction (I3); see the interface. */
export function claim(sql: Sql, fleet: string, wanted: Claim, nowMs: number): ClaimAnswer {
  lapse(sql, nowMs)
  const content = meaningOf(sql, fleet, wanted.content)
  const playing = findPlaying(sql, fleet, content)
  const endpoints = readEndpoints(sql, fleet)
  const isOwn = playing?.id === wanted.id
  if (playing !== undefined && !isOwn && playing.id !== wanted.instead)
    return { kind: 'playing', ...playing }
  const repeated = isOwn
    ? endpoints.find(({ containerId }) => containerId === playing.containerId)
    : undefined
  if (repeated !== undefined) return claimed(repeated, useOf(sql, fleet, repeated.containerId))
  const settlesAt = youngUntil(sql, nowMs)
  if (settlesAt !== undefined) return { kind: 'unsettled', retryAfterMs: settlesAt - nowMs }

  const ready = endpoints
    .filter((each) => each.ready && findMark(sql, fleet, each.containerId) === undefined)
    .map((endpoint): Candidate => {
      const use = useOf(sql, fleet, endpoint.containerId)
      return { endpoint, use, room: endpoint.maxStreams - use.active - use.pending }
    })
  const open = ready.filter(({ room }) => room > 0)
  const [best] = open
    .filter(({ endpoint }) => !wanted.avoid.includes(endpoint.containerId))
    .sort(compare)
  if (best === undefined) {
    const free = open.reduce((sum, { room }) => sum + room, 0)
    return { kind: 'refused', engines: endpoints.length, ready: ready.length, free }
  }
  const { containerId } = best.endpoint
  const { id, holder, relay, expiresAt } = wanted
  const state = 'pending'
  write(
    sql,
    fleet,
    { id, containerId, content, holder, state, expiresAt, relay, lastBytesAt: 0 },
    nowMs,
  )
  noteUse(sql, fleet, containerId, nowMs)
  return claimed(best.endpoint, useOf(sql, fleet, containerId))
}

/** See the interface. */
export function identify(
  sql: Sql,
  fleet: string,
  id: string,
  content: string,
  infohash: string,
): Identified {
  if (content !== infohash) {
    const { count } = z
      .object({ count: z.number() })
      .parse(sql.get('SELECT count(*) AS count FROM alias WHERE fleet = ?', fleet))
    if (count >= ALIASES_KEPT) sql.run('DELETE FROM alias WHERE fleet = ?', fleet)
    sql.run(
      'INSERT OR REPLACE INTO alias (fleet, content, meaning) VALUES (?, ?, ?)',
      fleet,
      content,
      infohash,
    )
  }
  const playing = findPlaying(sql, fleet, infohash)
  if (playing !== undefined && playing.id !== id) return { kind: 'playing', ...playing }
  sql.run('UPDATE reservation SET content = ? WHERE fleet = ? AND id = ?', infohash, fleet, id)
  return { kind: 'only' }
}

const reservationSchema = z.object({
  id: z.string(),
  containerId: z.custom<ContainerId>((value) => typeof value === 'string'),
  content: z.string(),
  holder: z.string(),
  state: z.enum(['pending', 'active']),
  expiresAt: z.number(),
  lastBytesAt: z.number(),
  relay: z.string(),
  stat: z.string().transform(parseSessionStat),
  figures: z.string().transform(parseSessionFigures),
})

/** Sessions that live, by id. */
export function sessions(sql: Sql, fleet: string, nowMs: number): readonly Reservation[] {
  const rows = sql.all(
    `SELECT id, reservation.container_id AS containerId, content, holder, state,
       expires_at AS expiresAt, coalesce(last_bytes_at, 0) AS lastBytesAt, relay, stat, figures
     FROM reservation LEFT JOIN traffic ON traffic.fleet = reservation.fleet
       AND traffic.container_id = reservation.container_id
     WHERE reservation.fleet = ? AND state <> 'lapsed' AND expires_at > ? ORDER BY id`,
    fleet,
    nowMs,
  )
  return rows.map((row) => reservationSchema.parse(row))
}
