import type { ContainerId } from '../../docker/port.ts'
import { formatRequest } from '../codec.ts'
import type { UserRequest } from '../store.ts'
import type { Sql } from './database.ts'

/** Keeps a request; one that is kept already keeps its place. */
export function addRequest(sql: Sql, fleet: string, request: UserRequest): void {
  const body = formatRequest(request)
  sql.run('INSERT OR IGNORE INTO request (fleet, body) VALUES (?, ?)', fleet, body)
}

/** Takes a request back. One that is not there is fine. */
export function removeRequest(sql: Sql, fleet: string, request: UserRequest): void {
  sql.run('DELETE FROM request WHERE fleet = ? AND body = ?', fleet, formatRequest(request))
}

/** A request to drain a container that is gone is done. */
export function removeRequestsFor(sql: Sql, fleet: string, containerId: ContainerId): void {
  removeRequest(sql, fleet, { kind: 'drainEngine', containerId })
}
