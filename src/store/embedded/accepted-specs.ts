import { z } from 'zod'
import { parseAcceptedSpec } from '../codec.ts'
import { GENERATIONS_KEPT } from '../limits.ts'
import type { AcceptedSpec } from '../store.ts'
import type { Sql } from './database.ts'

const generationSchema = z.object({ generation: z.number() })

/** The highest generation of every fleet, by name. */
export function acceptedSpecs(sql: Sql): readonly AcceptedSpec[] {
  const rows = sql.all(
    `SELECT fleet, generation, hash, document, source, accepted_at AS acceptedAt
     FROM accepted_spec AS spec
     WHERE generation = (SELECT max(generation) FROM accepted_spec WHERE fleet = spec.fleet)
     ORDER BY fleet`,
  )
  return rows.map(parseAcceptedSpec)
}

/** Generations of a fleet that had this hash, newest first. */
export function generationsOf(sql: Sql, fleet: string, hash: string): readonly number[] {
  const rows = sql.all(
    'SELECT generation FROM accepted_spec WHERE fleet = ? AND hash = ? ORDER BY generation DESC',
    fleet,
    hash,
  )
  return rows.map((row) => generationSchema.parse(row).generation)
}

/** Compare-and-set: only the generation after the highest one is taken, or any where none is remembered. */
export function acceptSpec(sql: Sql, spec: AcceptedSpec): boolean {
  const row = sql.get(
    `SELECT generation FROM accepted_spec WHERE fleet = ? ORDER BY generation DESC LIMIT 1`,
    spec.fleet,
  )
  if (row !== undefined && generationSchema.parse(row).generation !== spec.generation - 1) {
    return false
  }
  sql.run(
    `INSERT INTO accepted_spec (fleet, generation, hash, document, source, accepted_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
    spec.fleet,
    spec.generation,
    spec.hash,
    JSON.stringify(spec.document),
    spec.source,
    spec.acceptedAt,
  )
  sql.run(
    'DELETE FROM accepted_spec WHERE fleet = ? AND generation <= ?',
    spec.fleet,
    spec.generation - GENERATIONS_KEPT,
  )
  return true
}
