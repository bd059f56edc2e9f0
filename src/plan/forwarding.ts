import { containerName, forwardedSlot } from '../engine/place.ts'
import type { ObservedNode } from '../observe/observation.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { Why } from './action.ts'
import { bearsItsName, type Engine } from './engine.ts'
import type { World } from './world.ts'

/** One place for a forwarded engine: the fleet's only one, or a node's. */
export interface ForwardedPlace {
  readonly slot: string
  /** The living engine that keeps it. */
  readonly holder: Engine | undefined
  /** The node on which an engine for it is to be created now. */
  readonly electOn: ObservedNode | undefined
  /** Whether it has or will have an engine soon, so that no ordinary engine need fill in. */
  readonly served: boolean
}

export interface Election {
  readonly places: readonly ForwardedPlace[]
  /** Engines that must give the forwarded label up, and why. */
  readonly releases: ReadonlyMap<Engine, Why>
  readonly conditions: readonly PlannedCondition[]
}

/** Whether a node could be given the forwarded engine now. */
function isElectable(node: ObservedNode, world: World): boolean {
  return (
    world.acceptsNew(node) &&
    node.forwardedPort !== 0 &&
    !world.foreign.some((container) => container.forwardedOn === node.name)
  )
}

/** The preferred node first, then the one that has been up longest, then by name. */
function rank(nodes: readonly ObservedNode[], prefer: string | undefined): readonly ObservedNode[] {
  const key = (node: ObservedNode) => (node.name === prefer ? 0 : 1)
  return nodes.toSorted(
    (a, b) => key(a) - key(b) || a.since - b.since || a.name.localeCompare(b.name),
  )
}

/** Why the rightful holder must make room for another; undefined while it may stay. */
function whyLeave(
  holder: Engine,
  electable: readonly ObservedNode[],
  prefer: string | undefined,
): Why | undefined {
  const { node } = holder
  const leave = (message: string): Why => ({ reason: 'ForwardedPortChanged', message })
  if (node === undefined) return leave('its VPN node left the spec')
  if (node.state !== 'up') return undefined
  if (node.forwardedPort === 0) return leave(`${node.name} has lost its forwarded port`)
  const port = holder.container.labels.p2pPort
  if (port !== node.forwardedPort)
    return leave(`${node.name}'s forwarded port is ${node.forwardedPort} now, was ${port}`)
  if (prefer !== undefined && prefer !== node.name && electable.some((n) => n.name === prefer))
    return { reason: 'ForwardedElected', message: `${prefer} is preferred and has a port` }
  return undefined
}

/** Why there is no engine for a place, for people. */
function whyNone(nodes: readonly ObservedNode[], world: World): string {
  const each = nodes.map((node) => {
    if (node.state !== 'up') return `${node.name} is ${node.state}: ${node.message}`
    if (!world.acceptsNew(node)) return `${node.name} is cordoned`
    if (node.forwardedPort === 0)
      return `${node.name} has no forwarded port (is VPN_PORT_FORWARDING=on, and does the server support it?)`
    return `${node.name} carries a foreign forwarded engine`
  })
  return each.join('; ')
}

function fillPlace(slot: string, nodes: readonly ObservedNode[], world: World) {
  const { fleet } = world.input
  const { prefer } = fleet.forwarding
  const electable = rank(
    nodes.filter((node) => isElectable(node, world)),
    prefer,
  )
  const rightful = world.engines.find(
    (e) => e.slot === slot && e.container.labels.forwarded && bearsItsName(e, fleet.name),
  )
  const releases = new Map<Engine, Why>()
  if (rightful?.live && rightful.mark === undefined) {
    const why = whyLeave(rightful, electable, prefer)
    if (why === undefined)
      return { slot, holder: rightful, electOn: undefined, electable, releases }
    releases.set(rightful, why)
  }
  const free = !world.holdsName(containerName(fleet.name, slot)) && !world.isExpected(slot)
  return { slot, holder: undefined, electOn: free ? electable[0] : undefined, electable, releases }
}

function foreignConditions(world: World): PlannedCondition[] {
  return world.foreign
    .filter((container) => container.forwardedOn !== undefined)
    .map((container) => ({
      type: 'ForwardedConflict',
      status: 'True',
      reason: 'ForeignForwardedEngine',
      message:
        `container ${container.name} is not ours but carries acestream.forwarded on ${container.forwardedOn}; ` +
        `that node is not elected until it is gone: docker rm -f ${container.name}`,
    }))
}

/** Decides which engine holds each forwarded place, which must give it up, and where one is to be created (I1). */
export function electForwarded(world: World): Election {
  const { fleet, observation } = world.input
  const { scope } = fleet.forwarding
  const wanted = fleet.vpn.mode === 'none' || scope === 'none' || world.deleting ? 'none' : scope
  const asked =
    wanted === 'none'
      ? []
      : wanted === 'fleet'
        ? [fillPlace(forwardedSlot(), observation.nodes, world)]
        : observation.nodes.map((node) => fillPlace(forwardedSlot(node.name), [node], world))
  // Fewer replicas than nodes: places that are held or can be filled come first.
  const readiness = (place: (typeof asked)[number]) => (place.holder ? 0 : place.electOn ? 1 : 2)
  const filled = asked.toSorted((a, b) => readiness(a) - readiness(b)).slice(0, fleet.replicas)

  const releases = new Map(filled.flatMap((place) => [...place.releases]))
  const places = filled.map(({ slot, holder, electOn, electable }) => {
    // Never beside one of ours that carries the label and has not exited, whatever its name (I1).
    const bearers = world.engines.filter(
      (e) => e.forwarded && e.phase !== 'Exited' && (wanted === 'fleet' || e.node === electOn),
    )
    const served = holder !== undefined || electable.length > 0
    return { slot, holder, electOn: bearers.length === 0 ? electOn : undefined, served }
  })
  const rightful = new Set(filled.map((place) => place.slot))
  for (const engine of world.engines.filter((e) => e.forwarded && e.live)) {
    const holdsPlace = places.some((place) => place.holder === engine)
    if (holdsPlace || releases.has(engine)) continue
    const message =
      wanted === 'none'
        ? 'no forwarded engine is wanted'
        : rightful.has(engine.slot)
          ? 'another engine holds its place'
          : `carries the forwarded label under the name ${engine.name}`
    releases.set(engine, { reason: 'ForwardedElected', message })
  }

  const conditions = foreignConditions(world)
  const unserved = filled.filter((p) => p.holder === undefined && p.electable.length === 0)
  if (unserved.length > 0) {
    const nodes =
      wanted === 'fleet'
        ? observation.nodes
        : observation.nodes.filter((n) => unserved.some((p) => p.slot === forwardedSlot(n.name)))
    conditions.push({
      type: 'NoForwardedPort',
      status: 'True',
      reason: 'NoForwardedPort',
      message: `no forwarded engine for ${unserved.map((p) => p.slot).join(', ')}: ${whyNone(nodes, world)}`,
    })
  }
  return { places, releases, conditions }
}
