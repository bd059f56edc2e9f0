import type { ObservedNode } from '../observe/observation.ts'

/**
 * Readiness counts in these steps, ms: within one of them a node that lost its port less often is better than one that
 * has been up a little longer. Beyond the hour that losses are counted for, longer says nothing more (ADR 0018).
 */
const STEPS_MS = [60_000, 600_000, 3_600_000] as const

function readinessStep({ readySince }: ObservedNode, now: number): number {
  if (readySince === undefined) return -1
  return STEPS_MS.filter((step) => now - readySince >= step).length
}

/**
 * The nodes by how well a forwarded engine would be off there, best first: a total order, whatever order they come in.
 * Up before all others; then the favoured one; the longest up without interruption, in steps; the fewest port losses
 * within the last hour; by name.
 */
export function rankNodes(
  nodes: readonly ObservedNode[],
  favoured: string | undefined,
  now: number,
): readonly ObservedNode[] {
  const keyOf = (node: ObservedNode) => [
    node.state === 'up' ? 0 : 1,
    node.name === favoured ? 0 : 1,
    -readinessStep(node, now),
    node.portLosses,
  ]
  const keyed = nodes.map((node) => ({ node, key: keyOf(node) }))
  const sorted = keyed.toSorted((a, b) => {
    const differing = a.key.findIndex((part, i) => part !== b.key[i])
    if (differing === -1) return a.node.name < b.node.name ? -1 : 1
    return (a.key[differing] ?? 0) - (b.key[differing] ?? 0)
  })
  return sorted.map(({ node }) => node)
}
