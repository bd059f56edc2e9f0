import { z } from 'zod'
import type { FleetEvent, NewFleetEvent } from '../../telemetry/event.ts'
import { parseEvent } from '../codec.ts'
import { DEFAULT_EVENTS, EVENTS_KEPT, FOLD_WITHIN_MS } from '../limits.ts'
import type { EventQuery } from '../store.ts'
import type { Sql } from './database.ts'

const earlierSchema = z.object({
  sequence: z.number(),
  at: z.number(),
  firstAt: z.number(),
  count: z.number(),
})

/** Takes out the event that this one repeats, so that it comes back with a higher sequence number and count. */
function takeEarlier(sql: Sql, event: NewFleetEvent): z.output<typeof earlierSchema> | undefined {
  const row = sql.get(
    `SELECT sequence, at, first_at AS firstAt, count FROM event
     WHERE fleet = ? AND reason = ? AND slot IS ? AND at BETWEEN ? AND ? AND message = ?
     ORDER BY sequence DESC LIMIT 1`,
    event.fleet,
    event.reason,
    event.slot ?? null,
    event.at - FOLD_WITHIN_MS,
    event.at + FOLD_WITHIN_MS,
    event.message,
  )
  if (row === undefined) return undefined
  const earlier = earlierSchema.parse(row)
  sql.run('DELETE FROM event WHERE sequence = ?', earlier.sequence)
  return earlier
}

function append(sql: Sql, event: NewFleetEvent): void {
  const earlier = takeEarlier(sql, event)
  sql.run(
    `INSERT INTO event (at, first_at, count, fleet, type, reason, message, slot, vpn, container_id,
       epoch, reconcile_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    Math.max(event.at, earlier?.at ?? event.at),
    Math.min(event.at, earlier?.firstAt ?? event.at),
    (earlier?.count ?? 0) + 1,
    event.fleet,
    event.type,
    event.reason,
    event.message,
    event.slot ?? null,
    event.vpn ?? null,
    event.containerId ?? null,
    event.epoch ?? null,
    event.reconcileId ?? null,
  )
}

/** Records events in their order, folds repeats, and lets the oldest go. */
export function appendEvents(sql: Sql, events: readonly NewFleetEvent[]): void {
  for (const event of events) append(sql, event)
  sql.run(
    `DELETE FROM event WHERE sequence <=
       (SELECT sequence FROM event ORDER BY sequence DESC LIMIT 1 OFFSET ?)`,
    EVENTS_KEPT,
  )
}

/** The newest events that match, oldest first. */
export function readEvents(sql: Sql, query: EventQuery): readonly FleetEvent[] {
  const rows = sql.all(
    `SELECT sequence, at, first_at AS firstAt, count, fleet, type, reason, message, slot, vpn,
       container_id AS containerId, epoch, reconcile_id AS reconcileId
     FROM event WHERE (?1 IS NULL OR fleet = ?1) AND sequence > ?2
     ORDER BY sequence DESC LIMIT ?3`,
    query.fleet ?? null,
    query.after ?? 0,
    Math.max(0, Math.trunc(query.limit ?? DEFAULT_EVENTS)),
  )
  return rows.map(parseEvent).reverse()
}
