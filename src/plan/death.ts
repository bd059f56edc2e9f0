import type { Phase } from '../lifecycle/phase.ts'
import {
  hasTunnel,
  isSameContainer,
  type ObservedEngine,
  type ObservedNode,
  TUNNEL_DEAD,
} from '../observe/observation.ts'
import type { PlanInput } from './input.ts'

/** How long no byte may have flowed on any stream of an engine whose API fails before it counts as dead (DESIGN "Promises"). */
export const NO_BYTES_MS = 15_000

/** Why an engine is dead, in DESIGN's sense. */
export interface Death {
  readonly kind:
    | 'Exited'
    | 'StartFailed'
    | 'OutsideVpn'
    | 'DeadNamespace'
    | 'VpnLost'
    | 'StartTimedOut'
    | 'Unresponsive'
  readonly message: string
  /** Whether it may be put down now: false while waiting costs nothing and the VPN may still tell. */
  readonly due: boolean
  /** Whether its own failing is what ended it: only that counts for back-off. */
  readonly ownFault: boolean
}

/** What dockerd says when the container whose network is joined is gone, stopped or restarting (measured, 20.10). */
const NAMESPACE_TROUBLE = /cannot join network|no such container|is restarting/i

interface Facts {
  readonly container: ObservedEngine
  readonly phase: Phase
  readonly node: ObservedNode | undefined
  readonly streams: number | 'unknown'
  readonly input: PlanInput
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

function outside(message: string): Death {
  return { kind: 'OutsideVpn', message, due: true, ownFault: false }
}

/** A namespace that the engine's process still sits in, but that leads nowhere any more. */
function deadNamespace(message: string, due: boolean): Death {
  return { kind: 'DeadNamespace', message, due, ownFault: false }
}

/**
 * The VPN node that an engine was made for is a VPN also when it left the spec or was renamed: engines leave it in
 * order. Any other container is none.
 */
function departedDeath({ departed, labels }: ObservedEngine): Death | undefined {
  if (departed === undefined || !isSameContainer(departed.generation, labels.vpnGeneration))
    return outside('runs in the network of a container that is no VPN node of this fleet')
  return departed.generation === labels.vpnGeneration
    ? undefined
    : deadNamespace(`its VPN container ${departed.name} was restarted`, true)
}

/** Whether it runs in a namespace that its node left behind. */
function isOfAnotherGeneration({ state, labels, startedAt }: ObservedEngine, node: ObservedNode) {
  // A container that never ran sits in no namespace yet.
  if (state === 'created') return false
  if (labels.vpnGeneration !== undefined) return labels.vpnGeneration !== node.generation
  // An older version's does not say. What started before its node is dead; of what is not known nothing is concluded (I9).
  return startedAt !== undefined && startedAt < node.startedAt
}

function namespaceDeath({ container, node, input }: Facts): Death | undefined {
  const { fleet, observation } = input
  if (fleet.vpn.mode === 'none') return undefined
  const { networkMode, labels } = container
  if (!networkMode.startsWith('container:'))
    return outside(`runs on network ${networkMode}, outside every VPN`)
  const nodes = observation.nodes
  const anotherUp = nodes.some((other) => other !== node && hasTunnel(other))
  if (node === undefined) {
    if (!container.joinedRunning) {
      const successor = nodes.find((n) => n.name === labels.vpnContainer)
      return deadNamespace(
        `its VPN container ${labels.vpnContainer ?? ''} was replaced or is gone`,
        anotherUp || successor?.running === true,
      )
    }
    return departedDeath(container)
  }
  if (!node.running)
    return deadNamespace(`its VPN container ${node.name} is not running`, anotherUp)
  if (isOfAnotherGeneration(container, node))
    return deadNamespace(`its VPN container ${node.name} was restarted`, true)
  return undefined
}

/** Its VPN is down for longer than the grace, and elsewhere it could work. */
function lostDeath({ container, node, streams, input }: Facts): Death | undefined {
  if (node === undefined || !node.lost) return undefined
  const others = input.observation.nodes.filter((other) => other !== node)
  // Engines' words against Gluetun's need more: a node without any doubt, and that nothing flows here (I5).
  const isByEngines = node.reason === TUNNEL_DEAD
  if (isByEngines && mayServe(streams, container, input)) return undefined
  if (!others.some((other) => (isByEngines ? other.state === 'up' : hasTunnel(other))))
    return undefined
  return {
    kind: 'VpnLost',
    message: `its VPN node ${node.name} is down (${node.message}) and another is up`,
    due: true,
    ownFault: false,
  }
}

/** Whether bytes may flow on its streams, whatever its API says: an unknown count means busy (I5). */
export function mayServe(
  streams: Facts['streams'],
  { id }: Pick<ObservedEngine, 'id'>,
  input: Pick<PlanInput, 'memory' | 'now'>,
): boolean {
  if (streams === 'unknown') return true
  const lastBytesAt = input.memory.streams.get(id)?.lastBytesAt ?? 0
  return streams > 0 && input.now - lastBytesAt < NO_BYTES_MS
}

/** When it started, by our own clock where we saw it: Docker's may be minutes away from it. */
function startOf({ seenStartingAt, startedAt }: ObservedEngine): number | undefined {
  return seenStartingAt ?? startedAt
}

function silence({ container, phase, streams, input }: Facts): Death | undefined {
  const { engine } = input.fleet
  const { health } = container
  if (phase === 'Starting') {
    const startedAt = startOf(container)
    // While we cannot even ask, silence is ours (I9).
    if (health.blindSince !== undefined) return undefined
    if (health.ready || startedAt === undefined || input.now - startedAt < engine.startTimeoutMs)
      return undefined
    // Nobody may have asked it yet: after blindness its first answers are still to come (I9).
    if (health.failures < engine.health.failures) return undefined
    // One that seems new because the store forgot may serve viewers (I5).
    if (mayServe(streams, container, input)) return undefined
    const after = seconds(input.now - startedAt)
    const message = `gave no good answer within ${after} of its start (${health.lastError || 'not probed'})`
    return { kind: 'StartTimedOut', message, due: true, ownFault: true }
  }
  if (health.ready || health.failures < engine.health.failures) return undefined
  if (mayServe(streams, container, input)) return undefined
  const message = `failed ${health.failures} probes in a row (${health.lastError})`
  return { kind: 'Unresponsive', message, due: true, ownFault: true }
}

/** Why an engine is dead; undefined while it lives. Judged from positive signs alone (I9). */
export function deathOf(facts: Facts): Death | undefined {
  const { container, phase } = facts
  if (phase === 'Exited') {
    return { kind: 'Exited', message: 'exited', due: true, ownFault: true }
  }
  if (container.startError !== undefined) {
    const message = `could not be started: ${container.startError}`
    const ownFault = !NAMESPACE_TROUBLE.test(container.startError)
    return { kind: 'StartFailed', message, due: true, ownFault }
  }
  const namespace = namespaceDeath(facts) ?? lostDeath(facts)
  if (namespace !== undefined) return namespace
  return phase === 'Pending' || phase === 'Stopping' ? undefined : silence(facts)
}

/** When a living engine would be found dead if nothing changes; undefined when no clock is running against it. */
export function deathDueAt({ container, phase, input }: Facts): number | undefined {
  const startedAt = startOf(container)
  if (phase !== 'Starting' || startedAt === undefined || container.health.ready) return undefined
  return startedAt + input.fleet.engine.startTimeoutMs
}
