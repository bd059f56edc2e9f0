import type { PlannedChange, PlanPreview } from '../api/controller.ts'
import { containerName } from '../engine/place.ts'
import type { Epoch } from '../lease/lease.ts'
import type { Observer } from '../observe/observer.ts'
import type { Action } from '../plan/action.ts'
import { planFleet } from '../plan/plan.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import type { RulingSpec } from './reconcile.ts'

export interface PreviewParts {
  readonly instance: string
  readonly store: Pick<Store, 'readFleet'>
  readonly observer: Observer
  readonly clock: Pick<Clock, 'now'>
}

function changeOf(action: Action, fleet: string): PlannedChange {
  const where = action.verb === 'create' && action.vpn !== undefined ? ` (on ${action.vpn})` : ''
  return {
    verb: action.verb,
    target: containerName(fleet, action.slot),
    reason: `${action.why.message}${where}`,
  }
}

/** What a pass would do now. Looks, and changes nothing. */
export async function preview(
  { instance, store, observer, clock }: PreviewParts,
  { fleet, template, conditions }: RulingSpec,
  signal: AbortSignal,
): Promise<PlanPreview> {
  const before = await store.readFleet(fleet.name, clock.now())
  const observation = await observer.observe(fleet, before.engines, signal)
  const memory = await store.readFleet(fleet.name, clock.now())
  const plan = planFleet({
    instance,
    fleet,
    template,
    // Only what is really created carries a term's epoch.
    epoch: 0 as Epoch,
    observation,
    memory,
    pending: [],
    now: clock.now(),
  })
  const { cure } = plan
  return {
    // Remembering a good answer changes nothing in the world.
    actions: [
      ...plan.actions
        .filter((action) => action.verb !== 'noteReady')
        .map((action) => changeOf(action, fleet.name)),
      ...(cure === undefined ? [] : [{ verb: cure.verb, target: cure.vpn, reason: cure.why }]),
    ],
    conditions: [...conditions, ...plan.conditions],
  }
}
