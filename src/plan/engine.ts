import type { ContainerId } from '../docker/port.ts'
import { containerName, isForwardedSlot } from '../engine/place.ts'
import { enginePorts } from '../engine/ports.ts'
import { type Phase, phaseOf } from '../lifecycle/phase.ts'
import type { ObservedEngine, ObservedNode } from '../observe/observation.ts'
import type { Mark } from '../store/mark.ts'
import type { PendingAction } from './action.ts'
import { type Death, deathOf } from './death.ts'
import type { PlanInput } from './input.ts'

/** One of our engine containers with all that is known about it, as a plan sees it. */
export interface Engine {
  readonly id: ContainerId
  readonly name: string
  readonly slot: string
  readonly container: ObservedEngine
  readonly phase: Phase
  readonly mark: Mark | undefined
  /** The VPN node whose namespace it joined. */
  readonly node: ObservedNode | undefined
  /** Carries the forwarded label or sits in a forwarded place. */
  readonly forwarded: boolean
  /** Answers, and nothing speaks against giving it streams. */
  readonly ready: boolean
  /** Reserved sessions; an unknown count means busy (I5). */
  readonly streams: number | 'unknown'
  readonly death: Death | undefined
  /** Exists, is not dead and is not being put down as failed: counts in I2 and I4. */
  readonly live: boolean
  /** Why it does not fit the spec although it lives; undefined when it fits. */
  readonly misfit: string | undefined
  /** An action on it that was begun and has not been seen to end. */
  readonly pending: PendingAction | undefined
}

function nodeOf(container: ObservedEngine, nodes: readonly ObservedNode[]) {
  const joined = container.networkMode.replace(/^container:/, '')
  return nodes.find((node) => node.containerId !== undefined && node.containerId === joined)
}

function streamsOn(container: ObservedEngine, { memory, now }: PlanInput, ttlMs: number) {
  // A store that forgot cannot know of the streams of an engine that is older than its memory.
  // Docker lists whole seconds, cut off.
  const isYounger = container.createdAt + 1_000 > memory.bornAt
  const remembers = isYounger || now >= memory.bornAt + ttlMs
  if (!remembers) return 'unknown'
  const load = memory.streams.get(container.id)
  return load === undefined ? 0 : load.active + load.pending
}

function misfitOf(container: ObservedEngine, node: ObservedNode | undefined, input: PlanInput) {
  const { fleet, template } = input
  if (container.labels.specHash !== template.specHash) return 'spec changed'
  const vpnNode = fleet.vpn.nodes.find((n) => n.name === node?.name)
  if (fleet.vpn.mode !== 'none' && vpnNode === undefined)
    return `VPN node ${container.labels.vpnContainer ?? ''} left the spec`
  const range = vpnNode?.ports ?? fleet.network.ports
  const { http } = enginePorts(range, fleet.engine.ports, container.slot)
  if (container.labels.httpPort !== http || http > range.last) return 'port range changed'
  return undefined
}

/** Joins what was observed of a container with what is remembered of it. */
export function viewEngine(
  container: ObservedEngine,
  input: PlanInput,
  ttlMs: number,
  pending: PendingAction | undefined,
): Engine {
  const { memory, observation } = input
  const mark = memory.marks.get(container.id)
  const wasReady = memory.engines.has(container.id)
  const phase = phaseOf({ state: container.state, mark, wasReady })
  const node = nodeOf(container, observation.nodes)
  const streams = streamsOn(container, input, ttlMs)
  const death = deathOf({ container, phase, node, streams, input })
  const live = death === undefined && mark?.kind !== 'failed'
  return {
    id: container.id,
    name: container.name,
    slot: container.slot,
    container,
    phase,
    mark,
    node,
    forwarded: container.labels.forwarded || isForwardedSlot(container.slot),
    ready: live && mark === undefined && container.state === 'running' && container.health.ready,
    streams,
    death,
    live,
    misfit: misfitOf(container, node, input),
    pending,
  }
}

/** Whether the container still bears the name that fences its slot; a renamed one fences nothing. */
export function bearsItsName(engine: Engine, fleet: string): boolean {
  return engine.name === containerName(fleet, engine.slot)
}
