import type { LifecycleEvent } from '../lifecycle/machine.ts'
import { hasTunnel, TUNNEL_DEAD } from '../observe/observation.ts'
import { RESERVATION_TTL_MS } from '../store/store.ts'
import type { Why } from './action.ts'
import { deathDueAt, NO_BYTES_MS } from './death.ts'
import { bearsItsName, type Engine } from './engine.ts'
import { reconnectDueAt } from './reconnect.ts'
import type { World } from './world.ts'

/** What a plan tells one engine, and why. */
export interface Verdict {
  readonly event: LifecycleEvent['type']
  readonly why: Why
}

function verdict(event: Verdict['event'], reason: Why['reason'], message: string): Verdict {
  return { event, why: { reason, message } }
}

/** What is to be said to a container that was created and never ran. */
function ofPending(engine: Engine, world: World): Verdict | undefined {
  if (world.input.fleet.vpn.mode === 'none')
    return verdict('startable', 'EngineStarted', 'was created but never started')
  const { node, container } = engine
  const generationHolds = node?.running && container.labels.vpnGeneration === node.generation
  if (!generationHolds)
    return verdict('unwanted', 'EngineRemoved', 'never ran, and its VPN container is another now')
  // Only in a tunnel that stands does an engine start (I10); until then it waits.
  return hasTunnel(node)
    ? verdict('startable', 'EngineStarted', 'was created but never started')
    : undefined
}

function ofDraining(engine: Engine, now: number): Verdict | undefined {
  if (engine.streams === 0) return verdict('drained', 'EngineStopped', 'drained: no stream is left')
  if (engine.mark !== undefined && now >= engine.mark.deadlineAt)
    return verdict('drainTimedOut', 'EngineStopped', 'drain timeout passed with streams left')
  return undefined
}

function ownRelease(engine: Engine, world: World): Why | undefined {
  const reason = 'EngineDraining'
  if (!bearsItsName(engine, world.input.fleet.name))
    return { reason, message: `is called ${engine.name}, which fences no slot` }
  if (world.isToDrain(engine.id)) return { reason, message: 'drain was asked for' }
  if (engine.node !== undefined && world.isDraining(engine.node.name))
    return { reason, message: `drain of ${engine.node.name} was asked for` }
  return undefined
}

/**
 * What to tell an engine in this pass; undefined when there is nothing to say. `released` are those that election,
 * scaling and rollout let go.
 */
export function judge(
  engine: Engine,
  released: ReadonlyMap<Engine, Why>,
  world: World,
): Verdict | undefined {
  const { phase, death, container } = engine
  if (engine.pending !== undefined) return undefined
  if (phase === 'Exited') return verdict('exited', 'EngineExited', 'exited')
  if (phase === 'Stopping')
    return container.state === 'created'
      ? verdict('exited', 'EngineRemoved', 'never ran')
      : verdict('stillRunning', 'EngineStopped', 'stop had no effect yet')
  if (death?.due)
    return { event: 'failed', why: { reason: 'EngineFailed', message: death.message } }
  if (death !== undefined) return undefined
  if (phase === 'Draining') return ofDraining(engine, world.input.now)
  const release = ownRelease(engine, world) ?? released.get(engine)
  if (release !== undefined) return { event: 'unwanted', why: release }
  if (phase === 'Pending') return ofPending(engine, world)
  if (phase === 'Starting' && container.health.ready)
    return verdict('answered', 'EngineReady', 'gave its first good answer')
  return undefined
}

/** How often the streams of a draining engine are counted, ms: nobody tells when the last one ends. */
const DRAIN_LOOK_MS = 2_000

/** When an engine wants to be looked at again although nothing else happens. */
export function dueAt(engine: Engine, world: World): readonly (number | undefined)[] {
  const { memory, now } = world.input
  const { phase, streams, mark, container } = engine
  const isDraining = phase === 'Draining'
  const lastBytes = memory.streams.get(engine.id)?.lastBytesAt
  const isSuspect = !container.health.ready || engine.node?.reason === TUNNEL_DEAD
  return [
    streams === 'unknown' ? memory.bornAt + RESERVATION_TTL_MS : undefined,
    isDraining && streams !== 0 ? now + DRAIN_LOOK_MS : undefined,
    isDraining ? mark?.deadlineAt : undefined,
    // An engine whose API fails, or whose tunnel its engines call dead, is dead so long after the last byte.
    isSuspect && lastBytes !== undefined ? lastBytes + NO_BYTES_MS : undefined,
    deathDueAt({ ...engine, input: world.input }),
    reconnectDueAt(container, engine.node, now),
  ]
}
