import { z } from 'zod'
import type { FleetStatus } from '../../telemetry/status.ts'
import { parseEndpoints, parseStatus } from '../codec.ts'
import type { Endpoint } from '../store.ts'
import type { Sql } from './database.ts'

const statusColumn = z.object({ status: z.string() })
const endpointsColumn = z.object({ endpoints: z.string() }).optional()

/** Replaces what the leader shows of a fleet. The fleet's row is there: the fence wrote it. */
export function publish(
  sql: Sql,
  fleet: string,
  status: FleetStatus,
  endpoints: readonly Endpoint[],
): void {
  sql.run(
    'UPDATE fleet SET status = ?, endpoints = ? WHERE name = ?',
    JSON.stringify(status),
    JSON.stringify(endpoints),
    fleet,
  )
}

/** The latest status of every fleet that has one, by name. */
export function statuses(sql: Sql): readonly FleetStatus[] {
  const rows = sql.all('SELECT status FROM fleet WHERE status IS NOT NULL ORDER BY name')
  return rows.map((row) => parseStatus(statusColumn.parse(row).status))
}

/** The engines that claims may choose from. */
export function readEndpoints(sql: Sql, fleet: string): readonly Endpoint[] {
  const row = sql.get('SELECT endpoints FROM fleet WHERE name = ? AND endpoints IS NOT NULL', fleet)
  const found = endpointsColumn.parse(row)
  return found === undefined ? [] : parseEndpoints(found.endpoints)
}
