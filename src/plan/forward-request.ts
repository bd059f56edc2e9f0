import type { ObservedNode } from '../observe/observation.ts'
import type { World } from './world.ts'

/** A user's `acefleet forward --to NODE` that has not been carried out. */
export interface ForwardRequest {
  readonly node: string
  /** Why it cannot be, for people; undefined while it can, or while nothing may be concluded (I9). */
  readonly impossible: string | undefined
}

/** Why a node cannot be given the forwarded engine now, for people; undefined when it can. */
type WhyNot = (node: ObservedNode) => string | undefined

function whyImpossible(name: string, world: World, whyNot: WhyNot): string | undefined {
  const { fleet, observation } = world.input
  const { scope, prefer } = fleet.forwarding
  const node = observation.nodes.find((each) => each.name === name)
  if (scope !== 'fleet') return `forwarding.scope is ${scope} now`
  if (node === undefined) return `${name} left the spec`
  if (fleet.replicas === 0) return 'the spec wants no engine'
  if (prefer !== undefined && prefer !== name) return `the spec prefers ${prefer}`
  // A cordon is somebody's word, and needs no look.
  if (node.state === 'unknown' && !world.isCordoned(name)) return undefined
  return node.state === 'degraded' ? `${name} is degraded: ${node.message}` : whyNot(node)
}

/** What a user asked for last; the store keeps one such request at most. */
export function forwardRequest(world: World, whyNot: WhyNot): ForwardRequest | undefined {
  const asked = world.input.memory.requests.findLast((request) => request.kind === 'forward')
  if (asked === undefined) return undefined
  return { node: asked.node, impossible: whyImpossible(asked.node, world, whyNot) }
}
