import type { ObservedNode } from '../observe/observation.ts'
import type { Engine } from './engine.ts'
import { countByNode, mostExpendable } from './expendability.ts'
import type { Election } from './forwarding.ts'
import type { Placer } from './placement.ts'
import type { World } from './world.ts'

/** Whether a forwarded engine is about to go or to come: its node's load is not what it will be in a moment. */
function isElecting(world: World, election: Election): boolean {
  return (
    election.places.some((place) => place.electOn !== undefined) ||
    world.engines.some((e) => e.forwarded && (!e.live || e.mark !== undefined))
  )
}

/** Whether everything that counts in the balance is there and settled. */
function isBalanceKnown(unmarked: readonly Engine[], world: World, election: Election): boolean {
  return (
    unmarked.every((e) => e.ready) && world.expected.length === 0 && !isElecting(world, election)
  )
}

/**
 * An idle engine that should be on another node, when nodes differ by two or more (I4). Only ready engines are
 * weighed: a new one that is still starting must not make its own move look done. A move whose successor may not come
 * yet is not begun, so that nothing waits for it; where an engine may be missing for a while, it makes room for itself.
 */
export function displaced(
  kept: readonly Engine[],
  world: World,
  { election, placer, isMoving }: { election: Election; placer: Placer; isMoving: boolean },
) {
  const { replicas, update } = world.input.fleet
  const unmarked = world.engines.filter((e) => e.live && e.mark === undefined)
  if (!isMoving && !isBalanceKnown(unmarked, world, election)) return undefined
  const loads = countByNode(unmarked.filter((e) => e.ready))
  const load = (node: ObservedNode) => loads.get(node.name) ?? 0
  const mayCome = world.liveCount < replicas + update.maxSurge
  const roomy = new Set(placer.nodesWithRoom())
  const open = world.input.observation.nodes.filter((node) => world.acceptsNew(node))
  const leavesRoom = (e: Engine, to: ObservedNode) =>
    Number(e.slot) < replicas + update.maxSurge && placer.fits(e.slot, to)
  const newcomers = new Set([
    ...unmarked.filter((e) => e.phase === 'Starting').map((e) => e.node?.name),
    ...world.expected.map((p) => p.vpn),
  ])
  // A move under way has its successor's place, though that may have been the last that was free.
  const hasPlace = (e: Engine, to: ObservedNode) =>
    (isMoving && newcomers.has(to.name)) ||
    (update.maxUnavailable > 0 ? roomy.has(to) || leavesRoom(e, to) : mayCome && roomy.has(to))
  const hasBetter = (e: Engine, from: ObservedNode) =>
    open.some((to) => load(from) - load(to) >= 2 && hasPlace(e, to))
  const movable = kept.filter(
    (e) =>
      e.ready &&
      e.streams === 0 &&
      e.node !== undefined &&
      world.acceptsNew(e.node) &&
      hasBetter(e, e.node),
  )
  return mostExpendable(movable, unmarked, 1)[0]
}
