import { z } from 'zod'
import type { Clock } from '../../time/clock.ts'
import { parseNodeNote } from '../node-note.ts'
import type { Database, Sql } from './database.ts'

/** What the wall clock may run ahead of the monotonic one, or behind it, before it counts as set, ms: far less than any lifetime. */
const TOLERANCE_MS = 250

/** Keeps what is in the database as long ago, and as far away, as it was when the machine's clock is set. */
export interface ClockSteps {
  /** To be called before each transaction. @throws {StoreUnavailable} and tries again at the next. */
  follow(): void
}

/** Every instant that something waits for, or that says how long it has lasted. Events keep the time that clocks showed. */
const INSTANTS = [
  ['meta', ['born_at']],
  ['mark', ['at', 'deadline_at', 'stop_at']],
  ['engine', ['first_ready_at']],
  ['backoff', ['not_before']],
  ['reservation', ['expires_at']],
  ['traffic', ['last_bytes_at', 'used_at']],
] as const

const nodeSchema = z.object({ fleet: z.string(), node: z.string(), body: z.string() })

function move(sql: Sql, byMs: number): void {
  for (const [table, columns] of INSTANTS)
    for (const column of columns) {
      // 0 says that no byte ever flowed.
      sql.run(`UPDATE ${table} SET ${column} = ${column} + ? WHERE ${column} <> 0`, byMs)
    }
  sql.run(
    `UPDATE fleet SET rollout = json_set(rollout, '$.lastFailureAt', rollout ->> '$.lastFailureAt' + ?)
     WHERE rollout IS NOT NULL`,
    byMs,
  )
  for (const row of sql.all('SELECT fleet, node, body FROM node_note')) {
    const { fleet, node, body } = nodeSchema.parse(row)
    const note = JSON.stringify(parseNodeNote(body, (ms) => ms + byMs))
    sql.run('UPDATE node_note SET body = ? WHERE fleet = ? AND node = ?', note, fleet, node)
  }
}

/**
 * Times in the database are the machine's wall clock's, which may be set at any moment: at the first contact with a time
 * server, or by hand. Then drains would end at once, and reservations lapse whose streams run (I5); or places would be
 * held for hours. Nobody else uses this database, so all that it holds is moved by as much as the clock was. What was
 * set while no process ran cannot be told.
 */
export function followClock(
  database: Database,
  clock: Pick<Clock, 'now' | 'monotonic'>,
): ClockSteps {
  const offset = () => clock.now() - clock.monotonic()
  let offsetMs = offset()
  return {
    follow() {
      const nowMs = offset()
      if (Math.abs(nowMs - offsetMs) <= TOLERANCE_MS) return
      const byMs = Math.round(nowMs - offsetMs)
      database.write('durable', (sql) => move(sql, byMs))
      offsetMs += byMs
    },
  }
}
