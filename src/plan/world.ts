import type { ContainerId } from '../docker/port.ts'
import type { ForeignContainer, ObservedNode } from '../observe/observation.ts'
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
  /** Up and uncordoned. */
  acceptsNew(node: ObservedNode): boolean
}

/** Joins observation, memory and what is pending. */
export function buildWorld(input: PlanInput): World {
  const { observation, memory, fleet, pending } = input
  // By container id; a create has none yet and goes by its slot.
  const pendingOn = new Map(pending.map((p) => [p.id ?? p.slot, p]))
  const engines = observation.engines.map((c) =>
    viewEngine(c, input, RESERVATION_TTL_MS, pendingOn.get(c.id) ?? pendingOn.get(c.slot)),
  )
  const listed = new Set(engines.map((e) => e.slot))
  const expected = pending.filter((p) => p.verb === 'create' && !listed.has(p.slot))
  const expectedSlots = new Set(expected.map((p) => p.slot))
  const foreign = observation.foreign
  const names = new Set([...engines.map((e) => e.name), ...foreign.map((f) => f.name)])
  const draining = new Set(memory.requests.flatMap((r) => (r.kind === 'drainNode' ? [r.node] : [])))
  const leaving = new Set(
    memory.requests.flatMap((r) => (r.kind === 'drainEngine' ? [r.containerId] : [])),
  )
  const cordoned = new Set([
    ...draining,
    ...memory.requests.flatMap((r) => (r.kind === 'cordon' ? [r.node] : [])),
    ...fleet.vpn.nodes.filter((n) => n.cordon).map((n) => n.name),
  ])
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
    acceptsNew: (node) => node.state === 'up' && !cordoned.has(node.name),
  }
}
