import { engineLabels } from '../engine/labels.ts'
import { containerName } from '../engine/place.ts'
import type { LifecycleAction } from '../lifecycle/machine.ts'
import { step } from '../lifecycle/step.ts'
import type { Backoff } from '../store/store.ts'
import type { Action, CreateAction, Inheritance, Why } from './action.ts'
import { afterFailure } from './backoff.ts'
import type { Engine } from './engine.ts'
import type { Placement } from './placement.ts'
import type { Verdict } from './verdict.ts'
import type { World } from './world.ts'

/** Seconds of SIGTERM before SIGKILL: an engine that served saves its cache; a dead one has nothing to save. */
const GRACE_S = { drained: 10, dead: 2, leaking: 0 }

/** What an engine outside every VPN sends bears the user's own address, until it ends: it gets no time at all (I10). */
function graceOf({ death, mark }: Engine): number {
  if (death?.kind === 'OutsideVpn') return GRACE_S.leaking
  return death !== undefined || mark?.kind === 'failed' ? GRACE_S.dead : GRACE_S.drained
}

/** The slot's back-off record after this engine's end; undefined when the end was not its own failing. */
export function backoffAfter(engine: Engine, world: World): Backoff | undefined {
  const { memory, now } = world.input
  const failed = engine.death?.ownFault === true && engine.mark === undefined
  if (!failed) return undefined
  const { readySince, firstReadyAt } = engine.container.health
  const since = readySince ?? firstReadyAt ?? memory.engines.get(engine.id)?.firstReadyAt
  return afterFailure(memory.backoff.get(engine.slot), engine.id, since, now)
}

function actionFor(
  name: LifecycleAction,
  engine: Engine,
  why: Why,
  world: World,
): readonly Action[] {
  const { now, fleet } = world.input
  const on = { id: engine.id, slot: engine.slot, vpn: engine.node?.name, why }
  const backoff = backoffAfter(engine, world)
  switch (name) {
    case 'start':
      return [{ verb: 'start', ...on }]
    case 'noteReady':
      return [{ verb: 'noteReady', ...on, at: engine.container.health.firstReadyAt ?? now }]
    case 'markDraining':
      return [{ verb: 'drain', ...on, timeoutMs: fleet.update.drainTimeoutMs }]
    case 'stop': {
      const failed = engine.death !== undefined || engine.mark?.kind === 'failed'
      const mark = failed ? 'failed' : 'draining'
      return [{ verb: 'stop', ...on, mark, graceS: graceOf(engine), backoff }]
    }
    case 'remove':
      return [{ verb: 'remove', ...on, backoff, unexpected: engine.mark === undefined }]
    // The mark is written by the stop or remove that the machine asks for in the same breath.
    case 'markFailed':
      return []
    case 'create':
      throw new Error(`the machine asked for a create of ${engine.name}, which exists`)
  }
}

/** Turns what the machine answers to a verdict into actions. Nothing else stops, starts or removes. */
export function actOn(engine: Engine, verdict: Verdict, world: World): readonly Action[] {
  const { actions } = step(engine.phase, verdict.event)
  return actions.flatMap((name) => actionFor(name, engine, verdict.why, world))
}

/** Turns a placement into the create that the machine answers to `wanted`; its start is part of the same action. */
export function createAt(
  placement: Placement,
  of: {
    readonly forwarded: boolean
    readonly inherits: Inheritance | undefined
    readonly why: Why
  },
  world: World,
): CreateAction {
  const { actions } = step('Pending', 'wanted')
  if (actions[0] !== 'create' || actions[1] !== 'start')
    throw new Error('the machine no longer creates what is wanted')
  const { fleet, template, instance, epoch } = world.input
  const { slot, node, ports } = placement
  const vpn =
    node === undefined ? undefined : { name: node.name, generation: node.generation ?? '' }
  const spec = template.containerSpec({
    name: containerName(fleet.name, slot),
    slot,
    ports,
    networkMode: node === undefined ? fleet.network.name : `container:${node.containerId}`,
    labels: engineLabels({
      instance,
      fleet: fleet.name,
      slot,
      specHash: template.specHash,
      epoch,
      ports,
      forwarded: of.forwarded,
      vpn,
    }),
  })
  return { verb: 'create', slot, vpn: node?.name, ...of, spec }
}
