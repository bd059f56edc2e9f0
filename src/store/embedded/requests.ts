import type { ContainerId } from '../../docker/port.ts'
import { formatRequest, replacedBy } from '../codec.ts'
import type { UserRequest } from '../store.ts'
import type { Sql } from './database.ts'

/** Keeps a request; one that is kept already keeps its place. Answers whether anything changed. */
export function addRequest(sql: Sql, fleet: string, request: UserRequest): boolean {
  const replaced = replacedBy(request)
  if (replaced !== undefined) {
    sql.run(
      'DELETE FROM request WHERE fleet = ?1 AND substr(body, 1, length(?2)) = ?2 AND body <> ?3',
      ...[fleet, replaced, formatRequest(request)],
    )
  }
  const added = sql.get(
    'INSERT OR IGNORE INTO request (fleet, body) VALUES (?, ?) RETURNING 1',
    fleet,
    formatRequest(request),
  )
  return added !== undefined
}

/** Takes a request back. One that is not there is fine. Answers whether anything changed. */
export function removeRequest(sql: Sql, fleet: string, request: UserRequest): boolean {
  const removed = sql.get(
    'DELETE FROM request WHERE fleet = ? AND body = ? RETURNING 1',
    fleet,
    formatRequest(request),
  )
  return removed !== undefined
}

/** A request to drain a container that is gone is done. */
export function removeRequestsFor(sql: Sql, fleet: string, containerId: ContainerId): void {
  removeRequest(sql, fleet, { kind: 'drainEngine', containerId })
}
