import { compareSlots } from '../engine/place.ts'
import type { Engine } from './engine.ts'

/** How many of the engines sit on each VPN node. */
export function countByNode(engines: readonly Engine[]): Map<string, number> {
  const loads = new Map<string, number>()
  for (const { node } of engines)
    if (node !== undefined) loads.set(node.name, (loads.get(node.name) ?? 0) + 1)
  return loads
}

/** The scale-down order among engines of one node, behind readiness. */
function compareOnNode(a: Engine, b: Engine): number {
  const streams = (e: Engine) => (e.streams === 'unknown' ? Number.MAX_SAFE_INTEGER : e.streams)
  return (
    streams(a) - streams(b) ||
    Number(a.forwarded) - Number(b.forwarded) ||
    b.container.createdAt - a.container.createdAt ||
    compareSlots(a.slot, b.slot)
  )
}

/** Engines of one node and the same readiness, the most expendable first. */
interface Rank {
  readonly node: string | undefined
  readonly isReady: boolean
  readonly engines: Engine[]
  /** How many of them are taken. Owned by mostExpendable. */
  taken: number
}

function ranksOf(engines: readonly Engine[]): readonly Rank[] {
  const ranks = new Map<string, Rank>()
  for (const engine of engines) {
    const node = engine.node?.name
    const key = `${engine.ready} ${node ?? ''}`
    const rank = ranks.get(key) ?? { node, isReady: engine.ready, engines: [], taken: 0 }
    rank.engines.push(engine)
    ranks.set(key, rank)
  }
  for (const { engines } of ranks.values()) engines.sort(compareOnNode)
  return [...ranks.values()]
}

/** Which rank's next engine goes first. */
function compareRanks(a: Rank, b: Rank, load: (rank: Rank) => number): number {
  const [nextA, nextB] = [a.engines[a.taken], b.engines[b.taken]]
  if (nextA === undefined || nextB === undefined)
    return Number(nextA === undefined) - Number(nextB === undefined)
  return Number(a.isReady) - Number(b.isReady) || load(b) - load(a) || compareOnNode(nextA, nextB)
}

/**
 * Takes the `n` most expendable, one at a time, so that each choice sees the loads that the one before left behind.
 * Scale-down order (DESIGN): not ready, fullest node, fewest streams, ordinary before forwarded, youngest; ties by slot.
 */
export function mostExpendable(
  from: readonly Engine[],
  all: readonly Engine[],
  n: number,
): readonly Engine[] {
  if (n <= 0) return []
  const loads = countByNode(all)
  const load = ({ node }: Rank) => (node === undefined ? 0 : (loads.get(node) ?? 0))
  const ranks = ranksOf(from)
  const chosen: Engine[] = []
  while (chosen.length < n) {
    const [first] = ranks.toSorted((a, b) => compareRanks(a, b, load))
    const next = first?.engines[first.taken]
    if (first === undefined || next === undefined) break
    chosen.push(next)
    first.taken += 1
    if (first.node !== undefined) loads.set(first.node, load(first) - 1)
  }
  return chosen
}
