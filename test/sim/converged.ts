import type { ContainerId } from '../../src/docker/port.ts'
import { SLOT_LABEL } from '../../src/engine/labels.ts'
import { isForwardedSlot } from '../../src/engine/place.ts'
import { engineTemplate } from '../../src/engine/template.ts'
import type { Fleet } from '../../src/spec/fleet.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { EngineWorld } from './engine-world.ts'
import type { FakeDocker, WorldContainer } from './fake-docker.ts'
import { isOurs } from './truth.ts'
import { carries, type VpnWorld } from './vpn-world.ts'
import type { World } from './world.ts'

export interface Goal {
  readonly fleet: Fleet
  readonly specHash: string
  readonly docker: FakeDocker
  readonly vpns: VpnWorld
  readonly engines: EngineWorld
  /** What stands in the store: a marked engine is on its way out. */
  readonly marks: ReadonlyMap<ContainerId, Mark>
  /** Nodes that a user's request cordons or drains, beside the spec's own. */
  readonly cordoned: ReadonlySet<string>
  readonly drained: ReadonlySet<string>
}

/** What the world should come to. */
export function goalOf(world: World): Goal {
  const { docker, vpns, engines, truth } = world
  const fleet = world.fleet()
  const nobody = new Set<string>()
  const { specHash } = engineTemplate(fleet)
  const { marks } = truth
  return { fleet, specHash, docker, vpns, engines, marks, cordoned: nobody, drained: nobody }
}

interface Node {
  readonly name: string
  readonly id: string | undefined
  readonly isUp: boolean
  readonly acceptsNew: boolean
  readonly port: number
  readonly hasForeign: boolean
}

function nodesOf({ fleet, docker, vpns, cordoned, drained }: Goal): readonly Node[] {
  const world = docker.world()
  return fleet.vpn.nodes.map(({ name, cordon }) => {
    const id = world.find((each) => each.name === name)?.id
    const tunnel = vpns.tunnel(name)
    const { port } = tunnel
    const isUp = carries(tunnel)
    const acceptsNew = isUp && !cordon && !cordoned.has(name) && !drained.has(name)
    const hasForeign = world.some(
      (each) =>
        each.networkMode === `container:${id}` &&
        each.labels['acestream.forwarded'] === 'true' &&
        !isOurs(each, fleet.name) &&
        each.state !== 'exited',
    )
    return { name, id, isUp, acceptsNew, port, hasForeign }
  })
}

const isForwarded = ({ labels }: WorldContainer) => labels['acestream.forwarded'] === 'true'

/** What is wrong with each engine by itself. */
function* flawsOf(goal: Goal, nodes: readonly Node[], engine: WorldContainer): Iterable<string> {
  const { fleet, engines } = goal
  const { name, labels } = engine
  const slot = labels[SLOT_LABEL] ?? ''
  if (name !== `${fleet.name}.${slot}`) yield `${name} is not called after its slot ${slot}`
  if (engine.state !== 'running') return yield `${name} is ${engine.state}`
  if (goal.marks.has(engine.id)) yield `${name} is marked`
  if (!engines.answers(engine)) yield `${name} does not answer`
  if (labels['acefleet.spec-hash'] !== goal.specHash) yield `${name} is outdated`
  if (isForwarded(engine) !== isForwardedSlot(slot)) yield `${name} is wrongly labelled`
  if (fleet.vpn.mode === 'none') return
  const node = nodes.find(({ id }) => engine.networkMode === `container:${id}`)
  if (node === undefined) return yield `${name} is outside every VPN node`
  if (!engine.isReachable) yield `${name} sits in a dead namespace of ${node.name}`
  if (goal.drained.has(node.name)) yield `${name} is on ${node.name}, which is drained`
  if (!isForwarded(engine)) return
  const port = labels['acefleet.p2p-port']
  if (port !== String(node.port)) yield `${name} listens on ${port}, ${node.name} has ${node.port}`
}

/** I1 and L1: exactly the forwarded engines that can be there. */
function* forwardedFlaws(
  goal: Goal,
  nodes: readonly Node[],
  ours: readonly WorldContainer[],
): Iterable<string> {
  const { fleet } = goal
  const { scope, prefer } = fleet.forwarding
  const electable = nodes.filter((n) => n.acceptsNew && n.port !== 0 && !n.hasForeign)
  const held = ours.filter(isForwarded)
  const on = (node: Node) => held.filter((each) => each.networkMode === `container:${node.id}`)
  if (fleet.vpn.mode === 'none' || scope === 'none') {
    if (held.length > 0) yield `${held.length} forwarded engines, none is wanted`
    return
  }
  if (scope === 'fleet') {
    const least = Math.min(fleet.replicas, electable.length > 0 ? 1 : 0)
    if (held.length > 1 || held.length < least) yield `${held.length} forwarded engines`
    const preferred = electable.find(({ name }) => name === prefer)
    if (preferred !== undefined && least === 1 && on(preferred).length === 0)
      yield `${prefer} is preferred, and has a port`
    return
  }
  for (const node of nodes) if (on(node).length > 1) yield `two forwarded engines on ${node.name}`
  if (held.length < Math.min(fleet.replicas, electable.length))
    yield `${held.length} forwarded engines, ${electable.length} nodes could have one`
}

/** I4: nodes that take new engines differ by at most one. */
function* imbalance(nodes: readonly Node[], ours: readonly WorldContainer[]): Iterable<string> {
  const open = nodes.filter(({ acceptsNew }) => acceptsNew)
  const load = open.map(({ id, name }) => ({
    name,
    count: ours.filter((each) => each.networkMode === `container:${id}`).length,
  }))
  const counts = load.map(({ count }) => count)
  if (Math.max(...counts) - Math.min(...counts) > 1)
    yield `unbalanced: ${load.map(({ name, count }) => `${name} ${count}`).join(', ')}`
}

/** All that keeps the world from what the spec says (L1); empty when it is so. Judged from the world alone. */
export function flaws(goal: Goal): readonly string[] {
  const { fleet, docker } = goal
  const nodes = nodesOf(goal)
  const ours = docker.world().filter((each) => isOurs(each, fleet.name))
  const count =
    ours.length === fleet.replicas ? [] : [`${ours.length} of ${fleet.replicas} engines`]
  return [
    ...count,
    ...ours.flatMap((engine) => [...flawsOf(goal, nodes, engine)]),
    ...forwardedFlaws(goal, nodes, ours),
    ...imbalance(nodes, ours),
  ]
}

/**
 * L2: nodes that should have a forwarded engine and have none that is ready on the node's port; empty when all is well.
 * With scope `fleet` any node will do.
 */
export function unserved(goal: Goal): readonly string[] {
  const { fleet, docker, engines } = goal
  const { scope } = fleet.forwarding
  if (fleet.vpn.mode === 'none' || scope === 'none' || fleet.replicas === 0) return []
  const nodes = nodesOf(goal)
  const electable = nodes.filter((n) => n.acceptsNew && n.port !== 0 && !n.hasForeign)
  const listening = docker
    .world()
    .filter((each) => isOurs(each, fleet.name) && isForwarded(each) && engines.answers(each))
  const isServed = ({ id, port }: Node) =>
    listening.some(
      (each) =>
        each.networkMode === `container:${id}` && each.labels['acefleet.p2p-port'] === `${port}`,
    )
  if (scope === 'fleet') return nodes.some(isServed) ? [] : electable.map(({ name }) => name)
  const without = electable.filter((node) => !isServed(node)).map(({ name }) => name)
  return listening.length >= fleet.replicas ? [] : without
}
