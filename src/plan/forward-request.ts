import type { World } from './world.ts'

/** A user's `acefleet forward --to NODE` that has not been carried out. */
export interface ForwardRequest {
  readonly node: string
  /** Why it never can be, for people; undefined while it can, or while nothing may be concluded (I9). */
  readonly impossible: string | undefined
}

function whyImpossible(name: string, world: World): string | undefined {
  const { fleet, observation } = world.input
  const { scope, prefer } = fleet.forwarding
  const node = observation.nodes.find((each) => each.name === name)
  if (scope !== 'fleet') return `forwarding.scope is ${scope} now`
  if (node === undefined) return `${name} left the spec`
  if (fleet.replicas === 0) return 'the spec wants no engine'
  if (prefer !== undefined && prefer !== name) return `the spec prefers ${prefer}`
  if (world.isCordoned(name)) return `${name} is cordoned`
  if (node.state === 'unknown') return undefined
  if (node.state !== 'up') return `${name} is ${node.state}: ${node.message}`
  if (node.forwardedPort === 0) return `${name} has no forwarded port any more`
  if (world.foreign.some((container) => container.forwardedOn === name))
    return `${name} carries a foreign forwarded engine`
  return undefined
}

/** What a user asked for last; the store keeps one such request at most. */
export function forwardRequest(world: World): ForwardRequest | undefined {
  const asked = world.input.memory.requests.findLast((request) => request.kind === 'forward')
  if (asked === undefined) return undefined
  return { node: asked.node, impossible: whyImpossible(asked.node, world) }
}
