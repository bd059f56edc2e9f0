import { containerName, forwardedSlot } from '../engine/place.ts'
import { hasTunnel, type ObservedNode } from '../observe/observation.ts'
import type { Fleet } from '../spec/fleet.ts'
import type { ForwardedChoice, PlannedCondition } from '../telemetry/status.ts'
import type { Bookkeeping, Why } from './action.ts'
import { bearsItsName, type Engine } from './engine.ts'
import { type ForwardRequest, forwardRequest } from './forward-request.ts'
import { choiceOf } from './forwarded-choice.ts'
import { rankNodes } from './forwarded-rank.ts'
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
  /** Where it is or is to be, and why there; undefined where none is and none can be. */
  readonly choice: ForwardedChoice | undefined
}

export interface Election {
  readonly places: readonly ForwardedPlace[]
  /** Engines that must give the forwarded label up, and why. */
  readonly releases: ReadonlyMap<Engine, Why>
  readonly conditions: readonly PlannedCondition[]
  /** That a user's `forward --to` is over, carried out or not. */
  readonly bookkeeping: readonly Bookkeeping[]
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

/** Why the rightful holder must make room for another; undefined while it may stay. */
function whyLeave(
  holder: Engine,
  place: { readonly nodes: readonly ObservedNode[]; readonly electable: readonly ObservedNode[] },
  wish: { readonly asked: string | undefined; readonly prefer: string | undefined },
): Why | undefined {
  const { node } = holder
  const leave = (message: string): Why => ({ reason: 'ForwardedPortChanged', message })
  if (node === undefined) return leave('its VPN node left the spec')
  if (!place.nodes.includes(node))
    return leave(`sits on ${node.name}, which has a place of its own`)
  // Not to one that is worse off.
  const isUp = (name: string) => place.electable.some((n) => n.name === name && n.state === 'up')
  const { asked, prefer } = wish
  // It is the user who moves it: what is known of its own node does not matter.
  if (asked !== undefined && asked !== node.name && isUp(asked))
    return { reason: 'ForwardedElected', message: `forward --to ${asked} was asked for` }
  if (!hasTunnel(node)) return undefined
  if (node.forwardedPort === 0) return leave(`${node.name} has lost its forwarded port`)
  const port = holder.container.labels.p2pPort
  if (port !== node.forwardedPort)
    return leave(`${node.name}'s forwarded port is ${node.forwardedPort} now, was ${port}`)
  if (prefer !== undefined && prefer !== node.name && isUp(prefer))
    return { reason: 'ForwardedElected', message: `${prefer} is preferred and has a port` }
  return undefined
}

function fillPlace(
  slot: string,
  nodes: readonly ObservedNode[],
  world: World,
  placer: Placer,
  asked?: string,
) {
  const { fleet, now } = world.input
  const { prefer } = fleet.forwarding
  const obstacles = new Map(nodes.map((node) => [node, whyNot(node, slot, world, placer)]))
  const able = nodes.filter((node) => obstacles.get(node) === undefined)
  const electable = rankNodes(able, asked ?? prefer, now)
  const [best] = rankNodes(able, undefined, now)
  const rightful = world.engines.find(
    (e) => e.slot === slot && e.container.labels.forwarded && bearsItsName(e, fleet.name),
  )
  const mayStay = rightful?.live && rightful.mark === undefined ? rightful : undefined
  // Of an image that is not there no successor could be made: better the wrong port or node than no engine.
  const maySucceed = !world.input.lacksImage
  const whyGo =
    mayStay && maySucceed ? whyLeave(mayStay, { nodes, electable }, { asked, prefer }) : undefined
  const isFree = !world.holdsName(containerName(fleet.name, slot)) && !world.isExpected(slot)
  const holder = whyGo === undefined ? mayStay : undefined
  const heldOn = holder?.node
  return {
    slot,
    holder,
    choice: choiceOf({ slot, nodes, electable, best, obstacles, asked, prefer, heldOn }),
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
function fillPlaces(
  scope: Scope,
  world: World,
  placer: Placer,
  request: ForwardRequest | undefined,
): readonly Filling[] {
  const { fleet, observation } = world.input
  const { nodes } = observation
  const asked = request?.impossible === undefined ? request?.node : undefined
  const wanted = {
    none: () => [],
    fleet: () => [fillPlace(forwardedSlot(), nodes, world, placer, asked)],
    vpn: () => nodes.map((node) => fillPlace(forwardedSlot(node.name), [node], world, placer)),
  }[scope]()
  const readiness = (place: Filling) => (place.holder ? 0 : place.electOn ? 1 : 2)
  return wanted.toSorted((a, b) => readiness(a) - readiness(b)).slice(0, fleet.replicas)
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

/** A request is over when the one engine is where it was asked to be, or never can be. */
function endRequest(
  request: ForwardRequest | undefined,
  filled: readonly Filling[],
): readonly Bookkeeping[] {
  if (request === undefined) return []
  const { node, impossible } = request
  const isThere = filled.some(({ slot, holder }) => {
    return slot === forwardedSlot() && holder?.node?.name === node
  })
  if (!isThere && impossible === undefined) return []
  return [{ kind: 'endForward', node, dropped: isThere ? undefined : impossible }]
}

const isServed = ({ holder, electable }: Filling) => holder !== undefined || electable.length > 0

/** Decides which engine holds each forwarded place, which must give it up, and where one is to be created (I1). */
export function electForwarded(world: World, placer: Placer): Election {
  const { fleet } = world.input
  const isNone = fleet.vpn.mode === 'none' || world.deleting
  const scope = isNone ? 'none' : fleet.forwarding.scope
  const request = forwardRequest(world, (node) => whyNot(node, forwardedSlot(), world, placer))
  const filled = fillPlaces(scope, world, placer, request)
  return {
    places: filled.map((place) => {
      const { slot, holder, electOn, choice } = place
      const isFree = electOn !== undefined && !isBorne(scope, electOn, world)
      const served = isServed(place)
      return { slot, holder, electOn: isFree ? electOn : undefined, served, choice }
    }),
    releases: new Map([
      ...filled.flatMap((place) => [...place.releases]),
      ...releaseStrays(filled, world),
    ]),
    conditions: [...foreignConditions(world), ...noPortConditions(filled)],
    bookkeeping: endRequest(request, filled),
  }
}
