import type { ContainerId } from '../docker/port.ts'
import { containerName } from '../engine/place.ts'
import { type ForeignContainer, hasTunnel, type ObservedNode } from '../observe/observation.ts'
import { RESERVATION_TTL_MS } from '../store/store.ts'
import type { PendingAction } from './action.ts'
import { type Engine, viewEngine } from './engine.ts'
import type { PlanInput } from './input.ts'

/** The input of a plan, joined and indexed, and the questions that its parts ask of it. */
export interface World {
  readonly input: PlanInput
  readonly engines: readonly Engine[]
  /** Creates that were begun and are not listed yet. */
  readonly expected: readonly PendingAction[]
  readonly foreign: readonly ForeignContainer[]
  /** `acefleet delete` was asked for. */
  readonly deleting: boolean
  /** Engines that are not dead, expected ones included: what I2 counts. */
  readonly liveCount: number
  isExpected(slot: string): boolean
  /** Whether any container, ours or not, holds the name. */
  holdsName(name: string): boolean
  isCordoned(node: string): boolean
  isDraining(node: string): boolean
  /** A user asked for this engine to be drained. */
  isToDrain(engine: ContainerId): boolean
  /** Uncordoned, and up; or degraded while no uncordoned node is up. */
  acceptsNew(node: ObservedNode): boolean
}

/** Lists come in any order, and what is decided must not depend on it. Names are unique on a daemon. */
function byName<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Joins observation, memory and what is pending. */
export function buildWorld(input: PlanInput): World {
  const { observation, memory, fleet, pending } = input
  // By container id; a create has none yet and goes by the name that it asked for, for a renamed one has its slot too.
  const nameOf = ({ slot }: PendingAction) => containerName(fleet.name, slot)
  const pendingOn = new Map(pending.map((p) => [p.id ?? nameOf(p), p]))
  const engines = byName(observation.engines).map((c) =>
    viewEngine(c, input, RESERVATION_TTL_MS, pendingOn.get(c.id) ?? pendingOn.get(c.name)),
  )
  const foreign = byName(observation.foreign)
  const names = new Set([...engines, ...foreign].map(({ name }) => name))
  const listed = new Set(engines.map(({ name }) => name))
  const expected = pending.filter((p) => p.verb === 'create' && !listed.has(nameOf(p)))
  const expectedSlots = new Set(expected.map((p) => p.slot))
  const draining = new Set(memory.requests.flatMap((r) => (r.kind === 'drainNode' ? [r.node] : [])))
  const leaving = new Set(
    memory.requests.flatMap((r) => (r.kind === 'drainEngine' ? [r.containerId] : [])),
  )
  const cordoned = new Set([
    ...draining,
    ...memory.requests.flatMap((r) => (r.kind === 'cordon' ? [r.node] : [])),
    ...fleet.vpn.nodes.filter((n) => n.cordon).map((n) => n.name),
  ])
  const isBestUp = observation.nodes.some((n) => n.state === 'up' && !cordoned.has(n.name))
  return {
    input,
    engines,
    expected,
    foreign,
    deleting: memory.requests.some((r) => r.kind === 'delete'),
    liveCount: engines.filter((e) => e.live).length + expected.length,
    isExpected: (slot) => expectedSlots.has(slot),
    holdsName: (name) => names.has(name),
    isCordoned: (node) => cordoned.has(node),
    isDraining: (node) => draining.has(node),
    isToDrain: (id) => leaving.has(id),
    acceptsNew: (node) =>
      !cordoned.has(node.name) && (isBestUp ? node.state === 'up' : hasTunnel(node)),
  }
}
