import { containerName, forwardedSlot } from '../engine/place.ts'
import { hasTunnel, type ObservedNode } from '../observe/observation.ts'
import type { Fleet } from '../spec/fleet.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { Why } from './action.ts'
import { bearsItsName, type Engine } from './engine.ts'
import type { Placer } from './placement.ts'
import type { World } from './world.ts'

type Scope = Fleet['forwarding']['scope']

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

/** Why a node cannot be given a place's forwarded engine now, for people; undefined when it can. */
function whyNot(node: ObservedNode, slot: string, world: World, placer: Placer) {
  const { name, state, message, forwardedPort } = node
  const place = containerName(world.input.fleet.name, slot)
  if (world.foreign.some((container) => container.name === place))
    return `the name ${place} is held by a container that is not ours`
  if (!hasTunnel(node)) return `${name} is ${state}: ${message}`
  if (world.isCordoned(name)) return `${name} is cordoned`
  if (forwardedPort === 0)
    return `${name} has no forwarded port (is VPN_PORT_FORWARDING=on, and does the server support it?)`
  if (world.foreign.some((container) => container.forwardedOn === name))
    return `${name} carries a foreign forwarded engine`
  if (!placer.fitsForwarded(slot, node))
    return `${name} forwards port ${forwardedPort}, but that or another port of the engine is taken there`
  return undefined
}

/** Nodes that are up before degraded ones; then the preferred one, the one that has been up longest, by name. */
function rank(nodes: readonly ObservedNode[], prefer: string | undefined): readonly ObservedNode[] {
  const key = (node: ObservedNode) => (node.state === 'up' ? 0 : 2) + (node.name === prefer ? 0 : 1)
  return nodes.toSorted(
    (a, b) => key(a) - key(b) || a.since - b.since || a.name.localeCompare(b.name),
  )
}

/** Why the rightful holder must make room for another; undefined while it may stay. */
function whyLeave(
  holder: Engine,
  place: { readonly nodes: readonly ObservedNode[]; readonly electable: readonly ObservedNode[] },
  prefer: string | undefined,
): Why | undefined {
  const { node } = holder
  const leave = (message: string): Why => ({ reason: 'ForwardedPortChanged', message })
  if (node === undefined) return leave('its VPN node left the spec')
  if (!place.nodes.includes(node))
    return leave(`sits on ${node.name}, which has a place of its own`)
  if (!hasTunnel(node)) return undefined
  if (node.forwardedPort === 0) return leave(`${node.name} has lost its forwarded port`)
  const port = holder.container.labels.p2pPort
  if (port !== node.forwardedPort)
    return leave(`${node.name}'s forwarded port is ${node.forwardedPort} now, was ${port}`)
  if (
    prefer !== undefined &&
    prefer !== node.name &&
    // Not to one that is worse off.
    place.electable.some((n) => n.name === prefer && n.state === 'up')
  )
    return { reason: 'ForwardedElected', message: `${prefer} is preferred and has a port` }
  return undefined
}

function fillPlace(slot: string, nodes: readonly ObservedNode[], world: World, placer: Placer) {
  const { fleet } = world.input
  const { prefer } = fleet.forwarding
  const obstacles = new Map(nodes.map((node) => [node, whyNot(node, slot, world, placer)]))
  const electable = rank(
    nodes.filter((node) => obstacles.get(node) === undefined),
    prefer,
  )
  const rightful = world.engines.find(
    (e) => e.slot === slot && e.container.labels.forwarded && bearsItsName(e, fleet.name),
  )
  const mayStay = rightful?.live && rightful.mark === undefined ? rightful : undefined
  // Of an image that is not there no successor could be made: better the wrong port or node than no engine.
  const maySucceed = !world.input.lacksImage
  const whyGo = mayStay && maySucceed ? whyLeave(mayStay, { nodes, electable }, prefer) : undefined
  const isFree = !world.holdsName(containerName(fleet.name, slot)) && !world.isExpected(slot)
  return {
    slot,
    holder: whyGo === undefined ? mayStay : undefined,
    electOn: isFree ? electable[0] : undefined,
    electable,
    obstacles: [...obstacles.values()].filter((why) => why !== undefined),
    releases: new Map<Engine, Why>(mayStay && whyGo ? [[mayStay, whyGo]] : []),
  }
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

type Filling = ReturnType<typeof fillPlace>

/** Places as the scope has them; with fewer replicas than nodes those that are held or can be filled come first. */
function fillPlaces(scope: Scope, world: World, placer: Placer): readonly Filling[] {
  const { fleet, observation } = world.input
  const { nodes } = observation
  const asked = {
    none: () => [],
    fleet: () => [fillPlace(forwardedSlot(), nodes, world, placer)],
    vpn: () => nodes.map((node) => fillPlace(forwardedSlot(node.name), [node], world, placer)),
  }[scope]()
  const readiness = (place: Filling) => (place.holder ? 0 : place.electOn ? 1 : 2)
  return asked.toSorted((a, b) => readiness(a) - readiness(b)).slice(0, fleet.replicas)
}

/** Whether one of ours carries the label within the scope and has not exited, or may come to (I1). */
function isBorne(scope: Scope, node: ObservedNode, world: World): boolean {
  const isWithin = (name: string | undefined) => scope === 'fleet' || name === node.name
  return (
    world.engines.some((e) => e.forwarded && e.phase !== 'Exited' && isWithin(e.node?.name)) ||
    world.expected.some((p) => p.forwarded && isWithin(p.vpn))
  )
}

/** Engines that carry the label without a place: an older version's, a tampered one's, one of another scope. */
function releaseStrays(filled: readonly Filling[], world: World): ReadonlyMap<Engine, Why> {
  const slots = new Set(filled.map((place) => place.slot))
  const messageOn = ({ slot, name }: Engine) => {
    if (filled.length === 0) return 'no forwarded engine is wanted'
    return slots.has(slot)
      ? 'sits in a forwarded place without being its engine'
      : `carries the forwarded label under the name ${name}`
  }
  const strays = world.engines.filter(
    (e) =>
      e.forwarded && e.live && !filled.some((place) => place.holder === e || place.releases.has(e)),
  )
  return new Map(strays.map((e) => [e, { reason: 'ForwardedElected', message: messageOn(e) }]))
}

function noPortConditions(filled: readonly Filling[]): PlannedCondition[] {
  const unserved = filled.filter((place) => !isServed(place))
  if (unserved.length === 0) return []
  const slots = unserved.map((place) => place.slot).join(', ')
  const why = [...new Set(unserved.flatMap((place) => place.obstacles))].join('; ')
  const message = `no forwarded engine for ${slots}: ${why}`
  return [{ type: 'NoForwardedPort', status: 'True', reason: 'NoForwardedPort', message }]
}

const isServed = ({ holder, electable }: Filling) => holder !== undefined || electable.length > 0

/** Decides which engine holds each forwarded place, which must give it up, and where one is to be created (I1). */
export function electForwarded(world: World, placer: Placer): Election {
  const { fleet } = world.input
  const isNone = fleet.vpn.mode === 'none' || world.deleting
  const scope = isNone ? 'none' : fleet.forwarding.scope
  const filled = fillPlaces(scope, world, placer)
  return {
    places: filled.map((place) => {
      const { slot, holder, electOn } = place
      const isFree = electOn !== undefined && !isBorne(scope, electOn, world)
      return { slot, holder, electOn: isFree ? electOn : undefined, served: isServed(place) }
    }),
    releases: new Map([
      ...filled.flatMap((place) => [...place.releases]),
      ...releaseStrays(filled, world),
    ]),
    conditions: [...foreignConditions(world), ...noPortConditions(filled)],
  }
}
