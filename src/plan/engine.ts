import type { ContainerId } from '../docker/port.ts'
import { containerName, isForwardedSlot, slotNumber } from '../engine/place.ts'
import { type EnginePorts, enginePorts } from '../engine/ports.ts'
import { type Phase, phaseOf } from '../lifecycle/phase.ts'
import type { ObservedEngine, ObservedNode } from '../observe/observation.ts'
import type { EngineSettings, PortRange } from '../spec/fleet.ts'
import type { Mark } from '../store/mark.ts'
import type { PendingAction } from './action.ts'
import { type Death, deathOf } from './death.ts'
import type { PlanInput } from './input.ts'
import { reconnectMisfit } from './reconnect.ts'

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
  // A store that forgot cannot know of the streams of an engine that is older than its memory. Docker's clock may show
  // another time than ours, so what we did not see come may be older.
  const isYounger = (container.notListedAt ?? -Infinity) > memory.bornAt
  const remembers = isYounger || now >= memory.bornAt + ttlMs
  if (!remembers) return 'unknown'
  const load = memory.streams.get(container.id)
  return load === undefined ? 0 : load.active + load.pending
}

/** The ports that a container's labels say it listens on; undefined where they do not say. */
export function portsOf({ labels }: ObservedEngine): Partial<EnginePorts> {
  const { httpPort: http, httpsPort: https, apiPort: api, p2pPort: p2p } = labels
  return { http, https, api, p2p }
}

/** Why its ports are not those of its slot on its node. */
function portMisfit(
  container: ObservedEngine,
  node: ObservedNode | undefined,
  range: PortRange,
  internal: EngineSettings['ports'],
): string | undefined {
  const has = portsOf(container)
  const due = enginePorts(range, internal, container.slot)
  if (has.http !== due.http || due.http > range.last) return 'port range changed'
  const { forwarded } = container.labels
  const moved = (['https', 'api', 'p2p'] as const).filter(
    // A forwarded engine's P2P port is its node's: that is the election's matter.
    (kind) => has[kind] !== undefined && has[kind] !== due[kind] && !(forwarded && kind === 'p2p'),
  )
  if (moved.length > 0) return `first ${moved.join(' and ')} port changed`
  const isHit = node?.forwardedPort && Object.values(has).includes(node.forwardedPort)
  return isHit && !forwarded
    ? `listens on ${node.forwardedPort}, which ${node.name} forwards now`
    : undefined
}

function misfitOf(container: ObservedEngine, node: ObservedNode | undefined, input: PlanInput) {
  const { fleet, template } = input
  if (container.labels.specHash !== template.specHash) return 'spec changed'
  const vpnNode = fleet.vpn.nodes.find((n) => n.name === node?.name)
  if (fleet.vpn.mode !== 'none' && vpnNode === undefined)
    return `VPN node ${container.labels.vpnContainer ?? ''} left the spec`
  // No restart of the node could be told from its labels; so it goes in order, while it is well.
  if (vpnNode !== undefined && container.labels.vpnGeneration === undefined)
    return 'it does not say for which run of its VPN node it was made'
  return (
    portMisfit(container, node, vpnNode?.ports ?? fleet.network.ports, fleet.engine.ports) ??
    reconnectMisfit(container, node, input)
  )
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

/** Whether the container bears the name that fences a slot of ours; a renamed one fences nothing. */
export function bearsItsName({ name, slot }: Engine, fleet: string): boolean {
  const isSlot = slotNumber(slot) !== undefined || isForwardedSlot(slot)
  return isSlot && name === containerName(fleet, slot)
}
