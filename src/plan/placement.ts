import { containerName } from '../engine/place.ts'
import { type EnginePorts, enginePorts, GLUETUN_PORTS, portsFit } from '../engine/ports.ts'
import type { ObservedNode } from '../observe/observation.ts'
import type { World } from './world.ts'

/** Where a new engine goes. `node` is undefined in mode none. */
export interface Placement {
  readonly slot: string
  readonly node: ObservedNode | undefined
  readonly ports: EnginePorts
}

/** Gives out slots and nodes for one plan; what it gave out counts for what it gives out next (I4, I11). */
export interface Placer {
  /** The forwarded engine of a place on a node; undefined when its ports collide there. */
  forwarded(slot: string, node: ObservedNode): Placement | undefined
  /** The least loaded node that takes new engines and has a free slot: the preferred one, or else the lowest. */
  ordinary(preferred: string | undefined): Placement | undefined
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

/** Every port in a node's namespace that no new engine may have, beside the slots' own. */
function takenOn(node: ObservedNode | undefined, world: World): ReadonlySet<number> {
  if (node === undefined) return new Set()
  const living = world.engines.filter((e) => e.node === node && e.phase !== 'Exited')
  return new Set([
    ...GLUETUN_PORTS,
    ...(node.forwardedPort === 0 ? [] : [node.forwardedPort]),
    ...living.flatMap((e) => [e.container.labels.httpPort ?? 0, e.container.labels.p2pPort ?? 0]),
  ])
}

export function makePlacer(world: World): Placer {
  const { fleet, observation } = world.input
  const load = loadByNode(world)
  const given = new Set<string>()
  const taken = new Map(observation.nodes.map((node) => [node.name, takenOn(node, world)]))
  const rangeOf = (node: ObservedNode | undefined) =>
    fleet.vpn.nodes.find((n) => n.name === node?.name)?.ports ?? fleet.network.ports

  const isFree = (slot: string) =>
    !given.has(slot) && !world.isExpected(slot) && !world.holdsName(containerName(fleet.name, slot))

  function at(slot: string, node: ObservedNode | undefined, p2p?: number): Placement | undefined {
    const range = rangeOf(node)
    const ports = enginePorts(range, fleet.engine.ports, slot, p2p)
    const used =
      node === undefined ? new Set<number>() : (taken.get(node.name) ?? new Set<number>())
    const others = { has: (port: number) => port !== p2p && used.has(port) }
    return portsFit(ports, range, others) ? { slot, node, ports } : undefined
  }

  function give(placement: Placement | undefined): Placement | undefined {
    if (placement === undefined) return undefined
    given.add(placement.slot)
    const name = placement.node?.name
    if (name !== undefined) load.set(name, (load.get(name) ?? 0) + 1)
    return placement
  }

  /** By node: below it no slot is of use there. Nothing becomes free while a plan is made, so it only grows. */
  const lowest = new Map<string | undefined, number>()

  const isOpen = (slot: string, node: ObservedNode | undefined) =>
    isFree(slot) && at(slot, node) !== undefined

  /** The lowest slot whose name nobody holds or was promised, and whose ports are free on the node. */
  function firstFit(node: ObservedNode | undefined): Placement | undefined {
    const end = fleet.replicas + fleet.update.maxSurge
    let number = lowest.get(node?.name) ?? 0
    while (number < end && !isOpen(String(number), node)) number += 1
    lowest.set(node?.name, number)
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
    forwarded: (slot, node) => give(at(slot, node, node.forwardedPort)),
    ordinary(preferred) {
      const first = preferred !== undefined && isFree(preferred) ? preferred : undefined
      for (const node of candidates()) {
        const placement = (first === undefined ? undefined : at(first, node)) ?? firstFit(node)
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
