import { z } from 'zod'
import type { ContainerId } from '../../docker/port.ts'
import {
  parseBackoff,
  parseEngineNote,
  parseMark,
  parseRequest,
  parseRollout,
  parseStreamLoad,
} from '../codec.ts'
import { harden } from '../harden.ts'
import type { Mark } from '../mark.ts'
import { type NodeNote, parseNodeNote } from '../node-note.ts'
import { addStat, type EngineStat, parseSessionStat } from '../session-stat.ts'
import type { Backoff, FleetMemory, RolloutNote } from '../store.ts'
import type { Sql } from './database.ts'

const metaSchema = z.object({ incarnation: z.string(), bornAt: z.number() })
const slotSchema = z.object({ slot: z.string() })
const nodeSchema = z.object({ node: z.string(), body: z.string() })
const bodySchema = z.object({ body: z.string() })
const statsSchema = z.object({ stats: z.string() })
const statTextsSchema = z.array(z.string())
const rolloutColumn = z.object({ rollout: z.string().nullable() }).optional()

const MARK_COLUMNS = `container_id AS containerId, kind, reason, at, deadline_at AS deadlineAt,
  stop_at AS stopAt, epoch`

/** Begins an incarnation, unless the store remembers one. */
export function beginIncarnation(sql: Sql, newId: () => string, nowMs: number): void {
  if (sql.get('SELECT 1 FROM meta') !== undefined) return
  sql.run('INSERT INTO meta (only, incarnation, born_at) VALUES (1, ?, ?)', newId(), nowMs)
}

/** All that planning needs of one fleet; a fleet never heard of has an empty memory. */
export function readFleet(sql: Sql, fleet: string, nowMs: number): FleetMemory {
  const marks = sql
    .all(`SELECT ${MARK_COLUMNS} FROM mark WHERE fleet = ? ORDER BY container_id`, fleet)
    .map(parseMark)
  const engines = sql
    .all(
      `SELECT container_id AS containerId, first_ready_at AS firstReadyAt FROM engine
       WHERE fleet = ? ORDER BY container_id`,
      fleet,
    )
    .map(parseEngineNote)
  const backoff = sql
    .all(
      `SELECT slot, failures, not_before AS notBefore, container_id AS containerId FROM backoff
       WHERE fleet = ? ORDER BY slot`,
      fleet,
    )
    .map((row) => [slotSchema.parse(row).slot, parseBackoff(row)] as const)
  const requests = sql
    .all('SELECT body FROM request WHERE fleet = ? ORDER BY sequence', fleet)
    .map((row) => parseRequest(bodySchema.parse(row).body))
  const nodes = sql
    .all('SELECT node, body FROM node_note WHERE fleet = ? ORDER BY node', fleet)
    .map((row) => nodeSchema.parse(row))
  const rollout = rolloutColumn.parse(sql.get('SELECT rollout FROM fleet WHERE name = ?', fleet))
  return {
    ...metaSchema.parse(sql.get('SELECT incarnation, born_at AS bornAt FROM meta')),
    marks: new Map(marks.map((mark) => [mark.containerId, mark])),
    engines: new Map(engines.map(({ containerId, ...note }) => [containerId, note])),
    streams: readStreams(sql, fleet, nowMs),
    backoff: new Map(backoff),
    requests,
    rollout: rollout?.rollout ? parseRollout(rollout.rollout) : undefined,
    nodes: new Map(nodes.map(({ node, body }) => [node, parseNodeNote(body)])),
  }
}

/** Counts only what has not expired; when bytes last flowed is known longer than the reservation they flowed on. */
function readStreams(sql: Sql, fleet: string, nowMs: number): FleetMemory['streams'] {
  const rows = sql.all(
    `SELECT traffic.container_id AS containerId,
       count(*) FILTER (WHERE state = 'active') AS active,
       count(*) FILTER (WHERE state = 'pending') AS pending,
       last_bytes_at AS lastBytesAt,
       json_group_array(stat) FILTER (WHERE state = 'active' AND stat <> '') AS stats
     FROM traffic LEFT JOIN reservation ON reservation.fleet = traffic.fleet
       AND reservation.container_id = traffic.container_id AND expires_at > ?
     WHERE traffic.fleet = ? GROUP BY traffic.container_id ORDER BY traffic.container_id`,
    nowMs,
    fleet,
  )
  const loads = rows.map((row) => parseStreamLoad({ ...(row as object), stat: statOf(row) }))
  return new Map(loads.map(({ containerId, ...load }) => [containerId, load]))
}

function statOf(row: unknown): EngineStat | undefined {
  const texts = statTextsSchema.parse(JSON.parse(statsSchema.parse(row).stats))
  const stats = texts.map(parseSessionStat).filter((stat) => stat !== undefined)
  return stats.reduce<EngineStat | undefined>(addStat, undefined)
}

/** The mark on a container, if there is one. */
export function findMark(sql: Sql, fleet: string, id: ContainerId): Mark | undefined {
  const row = sql.get(
    `SELECT ${MARK_COLUMNS} FROM mark WHERE fleet = ? AND container_id = ?`,
    fleet,
    id,
  )
  return row === undefined ? undefined : parseMark(row)
}

/** Writes a mark or hardens the one that stands; answers what stands then. */
export function writeMark(sql: Sql, fleet: string, wanted: Mark): Mark {
  const mark = harden(findMark(sql, fleet, wanted.containerId), wanted)
  sql.run(
    `INSERT OR REPLACE INTO mark (fleet, container_id, kind, reason, at, deadline_at, stop_at, epoch)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    fleet,
    mark.containerId,
    mark.kind,
    mark.reason,
    mark.at,
    mark.deadlineAt,
    mark.stopAt ?? null,
    mark.epoch,
  )
  return mark
}

/** Remembers an engine's first good answer. */
export function noteReady(sql: Sql, fleet: string, id: ContainerId, at: number): void {
  sql.run(
    'INSERT OR IGNORE INTO engine (fleet, container_id, first_ready_at) VALUES (?, ?, ?)',
    fleet,
    id,
    at,
  )
}

/** Forgets everything that is keyed by one container id. */
export function forget(sql: Sql, fleet: string, id: ContainerId): void {
  sql.run('DELETE FROM mark WHERE fleet = ? AND container_id = ?', fleet, id)
  sql.run('DELETE FROM engine WHERE fleet = ? AND container_id = ?', fleet, id)
  sql.run('DELETE FROM reservation WHERE fleet = ? AND container_id = ?', fleet, id)
  sql.run('DELETE FROM traffic WHERE fleet = ? AND container_id = ?', fleet, id)
}

/** Sets or clears the back-off of one slot. */
export function setBackoff(
  sql: Sql,
  fleet: string,
  slot: string,
  backoff: Backoff | undefined,
): void {
  if (backoff === undefined) {
    sql.run('DELETE FROM backoff WHERE fleet = ? AND slot = ?', fleet, slot)
    return
  }
  sql.run(
    `INSERT OR REPLACE INTO backoff (fleet, slot, failures, not_before, container_id)
     VALUES (?, ?, ?, ?, ?)`,
    fleet,
    slot,
    backoff.failures,
    backoff.notBefore,
    backoff.containerId,
  )
}

/** Sets or clears the rollout's record. The fleet's row is there: the fence wrote it. */
export function setRollout(sql: Sql, fleet: string, note: RolloutNote | undefined): void {
  const text = note === undefined ? null : JSON.stringify(note)
  sql.run('UPDATE fleet SET rollout = ? WHERE name = ?', text, fleet)
}

/** Sets or clears what is remembered of one VPN node. */
export function setNodeNote(
  sql: Sql,
  fleet: string,
  node: string,
  note: NodeNote | undefined,
): void {
  if (note === undefined) {
    sql.run('DELETE FROM node_note WHERE fleet = ? AND node = ?', fleet, node)
    return
  }
  const body = JSON.stringify(note)
  sql.run(
    'INSERT OR REPLACE INTO node_note (fleet, node, body) VALUES (?, ?, ?)',
    fleet,
    node,
    body,
  )
}

/** Forgets a fleet but for its events, and for its epoch, so that a namesake's terms go on growing (I6). */
export function dropFleet(sql: Sql, fleet: string): void {
  for (const table of DROPPED) sql.run(`DELETE FROM ${table} WHERE fleet = ?`, fleet)
  sql.run('UPDATE fleet SET rollout = NULL, status = NULL, endpoints = NULL WHERE name = ?', fleet)
}

const DROPPED = [
  'mark',
  'engine',
  'backoff',
  'reservation',
  'traffic',
  'alias',
  'request',
  'accepted_spec',
  'node_note',
] as const
