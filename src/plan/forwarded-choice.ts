import type { ObservedNode } from '../observe/observation.ts'
import type { ForwardedCandidate, ForwardedChoice, ForwardedRule } from '../telemetry/status.ts'

/** What a choice was made from. */
export interface Candidates {
  readonly slot: string
  readonly nodes: readonly ObservedNode[]
  /** Those that can have the engine now, best first. */
  readonly electable: readonly ObservedNode[]
  /** The best of them, were nobody favoured. */
  readonly best: ObservedNode | undefined
  readonly obstacles: ReadonlyMap<ObservedNode, string | undefined>
  readonly asked: string | undefined
  readonly prefer: string | undefined
  /** Where the place's engine is and stays; undefined while there is none, or it goes. */
  readonly heldOn: ObservedNode | undefined
}

function ruleOf({ nodes, best, asked, prefer }: Candidates, { name }: ObservedNode): ForwardedRule {
  if (name === asked) return 'asked'
  if (name === prefer) return 'preferred'
  if (nodes.length === 1) return 'only'
  return name === best?.name ? 'healthiest' : 'stays'
}

/** Where a place's engine is or is to be, and why there; undefined where none is and none can be. */
export function choiceOf(candidates: Candidates): ForwardedChoice | undefined {
  const { slot, nodes, electable, obstacles, heldOn } = candidates
  const chosen = heldOn ?? electable[0]
  if (chosen === undefined) return undefined
  const others = nodes.filter((node) => node !== chosen && !electable.includes(node))
  const order = [
    chosen,
    ...electable.filter((node) => node !== chosen),
    ...others.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  ]
  return {
    slot,
    node: chosen.name,
    rule: ruleOf(candidates, chosen),
    held: heldOn !== undefined,
    candidates: order.map((node): ForwardedCandidate => {
      const { name, state, readySince, portLosses } = node
      return { node: name, state, readySince, portLosses, obstacle: obstacles.get(node) }
    }),
  }
}
