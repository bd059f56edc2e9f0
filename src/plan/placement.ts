import { containerName } from '../engine/place.ts'
import { type EnginePorts, enginePorts, GLUETUN_PORTS, portsFit } from '../engine/ports.ts'
import type { ObservedNode } from '../observe/observation.ts'
import { type Engine, portsOf } from './engine.ts'
import type { World } from './world.ts'

/** Where a new engine goes. `node` is undefined in mode none. */
export interface Placement {
  readonly slot: string
  readonly node: ObservedNode | undefined
  readonly ports: EnginePorts
}

/** Gives out slots and nodes for one plan; what it gave out counts for what it gives out next (I4, I11). */
export interface Placer {
  /** Whether no port of a place's forwarded engine collides on a node. */
  fitsForwarded(slot: string, node: ObservedNode): boolean
  /** The forwarded engine of a place on a node; undefined when its ports collide there. */
  forwarded(slot: string, node: ObservedNode): Placement | undefined
  /**
   * The least loaded node that takes new engines and has a free slot: the preferred one, or else the lowest that is not
   * reserved. In one plan the same slots are reserved every time.
   */
  ordinary(preferred: string | undefined, reserved: ReadonlySet<string>): Placement | undefined
  /** Whether a slot's ports are free on a node, whoever holds its name. */
  fits(slot: string, node: ObservedNode): boolean
  /** Nodes that could take one more ordinary engine. */
  nodesWithRoom(): readonly ObservedNode[]
}

/** Unmarked living engines on each node, expected ones included. */
export function loadByNode(world: World): Map<string, number> {
  const load = new Map<string, number>()
  const add = (node: string | undefined) => {
    if (node !== undefined) load.set(node, (load.get(node) ?? 0) + 1)
  }
  for (const engine of world.engines) if (engine.live && !engine.mark) add(engine.node?.name)
  for (const expected of world.expected) add(expected.vpn)
  return load
}

/**
 * Every port on a node that no new engine may have because another listens on it. Without a VPN those are the published
 * ones alone: each engine has a namespace of its own.
 */
function takenOn(node: ObservedNode | undefined, engines: readonly Engine[]): ReadonlySet<number> {
  const living = engines.filter((e) => e.node === node && e.phase !== 'Exited')
  const ports = living.map((e) => portsOf(e.container))
  const taken = node === undefined ? ports.map(({ http }) => http) : ports.flatMap(Object.values)
  const gluetun = node === undefined ? [] : GLUETUN_PORTS
  return new Set([...gluetun, ...taken.filter((port) => port !== undefined)])
}

export function makePlacer(world: World): Placer {
  const { fleet, observation } = world.input
  const load = loadByNode(world)
  const given = new Set<string>()
  const nodes = [undefined, ...observation.nodes]
  const taken = new Map(nodes.map((node) => [node, takenOn(node, world.engines)]))
  // A forwarded engine comes only when all others within its scope have gone: their ports are no hindrance.
  const ordinary = world.engines.filter((e) => !e.forwarded)
  const takenByOrdinary = new Map(nodes.map((node) => [node, takenOn(node, ordinary)]))
  const rangeOf = (node: ObservedNode | undefined) =>
    fleet.vpn.nodes.find((n) => n.name === node?.name)?.ports ?? fleet.network.ports

  const isFree = (slot: string) =>
    !given.has(slot) && !world.isExpected(slot) && !world.holdsName(containerName(fleet.name, slot))

  /** `p2p` is the node's forwarded port, for the engine that is to hold it: nobody else may. */
  function at(slot: string, node: ObservedNode | undefined, p2p?: number): Placement | undefined {
    const range = rangeOf(node)
    const ports = enginePorts(range, fleet.engine.ports, slot, p2p)
    const isHit = p2p === undefined && Object.values(ports).includes(node?.forwardedPort ?? 0)
    const others = (p2p === undefined ? taken : takenByOrdinary).get(node) ?? new Set()
    return !isHit && portsFit(ports, range, others) ? { slot, node, ports } : undefined
  }

  function give(placement: Placement | undefined): Placement | undefined {
    if (placement === undefined) return undefined
    given.add(placement.slot)
    const name = placement.node?.name
    if (name !== undefined) load.set(name, (load.get(name) ?? 0) + 1)
    return placement
  }

  const end = fleet.replicas + fleet.update.maxSurge
  /** By node: below it no slot is of use there. Nothing becomes free while a plan is made, so it only grows. */
  const lowest = new Map<string | undefined, number>()
  const lowestUnreserved = new Map<string | undefined, number>()

  const isOpen = (slot: string, node: ObservedNode | undefined) =>
    isFree(slot) && at(slot, node) !== undefined

  /** The lowest slot whose name nobody holds or was promised, and whose ports are free on the node. */
  function firstFit(
    node: ObservedNode | undefined,
    reserved?: ReadonlySet<string>,
  ): Placement | undefined {
    const from = reserved === undefined ? lowest : lowestUnreserved
    const isUsable = (slot: string) => !reserved?.has(slot) && isOpen(slot, node)
    let number = from.get(node?.name) ?? 0
    while (number < end && !isUsable(String(number))) number += 1
    from.set(node?.name, number)
    return number < end ? at(String(number), node) : undefined
  }

  const candidates = (): readonly (ObservedNode | undefined)[] =>
    fleet.vpn.mode === 'none'
      ? [undefined]
      : observation.nodes
          .filter((node) => world.acceptsNew(node))
          .toSorted(
            (a, b) =>
              (load.get(a.name) ?? 0) - (load.get(b.name) ?? 0) || a.name.localeCompare(b.name),
          )

  return {
    fitsForwarded: (slot, node) => at(slot, node, node.forwardedPort) !== undefined,
    forwarded: (slot, node) => give(at(slot, node, node.forwardedPort)),
    ordinary(preferred, reserved) {
      const isOurs = preferred !== undefined && Number(preferred) < end && isFree(preferred)
      const first = isOurs ? preferred : undefined
      for (const node of candidates()) {
        const own = first === undefined ? undefined : at(first, node)
        const placement = own ?? firstFit(node, reserved)
        if (placement !== undefined) return give(placement)
      }
      return undefined
    },
    fits: (slot, node) => at(slot, node) !== undefined,
    nodesWithRoom: () =>
      candidates().filter(
        (node): node is ObservedNode => node !== undefined && firstFit(node) !== undefined,
      ),
  }
}
