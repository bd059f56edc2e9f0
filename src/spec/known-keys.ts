import { z } from 'zod'
import { type Path, printPath } from './problem.ts'
import { fleetSchema } from './schema.ts'

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly items?: SchemaNode
}

/** Keys that another version knows, with what to write until then. */
const COMES_LATER: Readonly<Record<string, string>> = {
  'spec.autoscaling': 'autoscaling comes with a later version: use spec.replicas until then',
}

/** Beyond it a text is no typing mistake, and comparing it costs time. */
const LONGEST_GUESS = 40

/** Says of keys that the schema does not have what was probably meant. */
export function makeUnknownKeyAdvice(): (path: Path, key: string) => string {
  const root = z.toJSONSchema(fleetSchema, { io: 'input' }) as SchemaNode
  const homes = sectionsByKey(root)
  return (path, key) => {
    const later = COMES_LATER[printPath([...path, key])]
    if (later !== undefined) return later
    const known = Object.keys(sectionAt(root, path)?.properties ?? {})
    const near = closest(key, known)
    if (near !== undefined) return `is no key here: did you mean ${near}?`
    const home = homes.get(key)
    if (home?.length === 1) return `is no key here: it belongs in ${home[0]}`
    return `is no key here: there are ${known.join(', ')}`
  }
}

function sectionAt(root: SchemaNode, path: Path): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, part) => {
    if (typeof part === 'number') return node?.items
    const properties = node?.properties ?? {}
    return Object.hasOwn(properties, part) ? properties[part] : undefined
  }, root)
}

/** Every key's sections, `ports` → `spec.engine`, `spec.network`, `spec.vpn.nodes[]`. */
function sectionsByKey(root: SchemaNode): ReadonlyMap<string, string[]> {
  const homes = new Map<string, string[]>()
  const visit = (node: SchemaNode, path: string) => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      homes.set(key, [...(homes.get(key) ?? []), path === '' ? 'the top' : path])
      visit(child, path === '' ? key : `${path}.${key}`)
    }
    if (node.items !== undefined) visit(node.items, `${path}[]`)
  }
  visit(root, '')
  return homes
}

/** The candidate that differs from `word` by at most a third of its letters; of two letters nothing can be guessed. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length < 3 || word.length > LONGEST_GUESS) return undefined
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: distance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  if (best === undefined) return undefined
  return best.distance <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : undefined
}

/** Levenshtein's, letter case not counted. */
function distance(a: string, b: string): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()]
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const swap = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? 0
}
