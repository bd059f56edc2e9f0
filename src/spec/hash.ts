import { createHash } from 'node:crypto'
import { documentOf } from './document.ts'
import type { Fleet } from './fleet.ts'

/** JSON with keys in order and absent values left out, so that equal values have equal texts. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`
}

/** 64 bits of SHA-256 over {@link canonicalJson}, as 16 hex digits: short enough for a label, and never guessed at. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16)
}

/** The hash of what a fleet's document means: spelling, order of keys and written-out defaults do not count. */
export function fleetHash(fleet: Fleet): string {
  return hashOf(documentOf(fleet))
}
