import { assertNever } from '../assert-never.ts'
import { NotFound } from '../docker/errors.ts'
import type { EngineTemplate } from '../engine/template.ts'
import type { Lease } from '../lease/lease.ts'
import type { Observation } from '../observe/observation.ts'
import type { Observer } from '../observe/observer.ts'
import type { Bookkeeping, Plan } from '../plan/action.ts'
import { planFleet } from '../plan/plan.ts'
import type { Fleet } from '../spec/fleet.ts'
import { StaleEpoch } from '../store/errors.ts'
import type { FleetMemory, Store } from '../store/store.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'
import type { Term } from './term.ts'

/** A spec that rules, and what stands against newer ones. */
export interface RulingSpec {
  readonly fleet: Fleet
  readonly generation: number
  readonly hash: string
  readonly template: EngineTemplate
  /** SpecInvalid, Orphaned … */
  readonly conditions: readonly PlannedCondition[]
}

export interface ReconcileParts {
  readonly instance: string
  readonly store: Store
  readonly observer: Observer
  readonly clock: Clock
}

/** There was nothing to plan on yet. */
export interface Postponed {
  readonly kind: 'postponed'
  /** Unix ms. */
  readonly until: number
}

/** What one pass found and decided. */
export interface Reconciled {
  readonly kind: 'reconciled'
  /** Of the store that the plan was made with. */
  readonly incarnation: string
  readonly observation: Observation
  readonly plan: Plan
  /** The plan's conditions and those of the images. */
  readonly conditions: readonly PlannedCondition[]
  readonly wakeAt: number | undefined
}

/** Looks again this often at most until nothing of ours ended meanwhile; then the next pass tries. */
const FRESH_ATTEMPTS = 5
/** So long after its first look, which has their probes begun, a new leader waits for engines' answers, looking this often, ms. */
const PROBE = { patienceMs: 5_000, lookMs: 100 }

type Notes = FleetMemory['engines']

/** What a plan is made of: a picture, and what was remembered after it was taken. */
interface Found {
  readonly observation: Observation
  readonly memory: FleetMemory
}

/** A look; undefined when a container went between the list and its inspect: the next list will not have it. */
function look({ observer }: ReconcileParts, spec: RulingSpec, notes: Notes, signal: AbortSignal) {
  return observer.observe(spec.fleet, notes, signal).catch((error: unknown) => {
    if (error instanceof NotFound) return undefined
    throw error
  })
}

/**
 * Decides on a picture that no action of ours is younger than: `decide` runs in the very tick in which that was seen.
 * Undefined when something of ours ended in every look.
 */
async function decideFresh<T>(
  parts: ReconcileParts,
  spec: RulingSpec,
  { executor, cures }: Term,
  signal: AbortSignal,
  decide: (found: Found) => T,
): Promise<T | undefined> {
  const { store, clock } = parts
  let { engines } = await store.readFleet(spec.fleet.name, clock.now())
  for (let attempt = 0; attempt < FRESH_ATTEMPTS; attempt++) {
    const stamps = [executor.stamp(), cures.stamp()]
    const observation = await look(parts, spec, engines, signal)
    if (observation === undefined) continue
    // Read after the look: a mark that is in it bars all claims, so a count of none that comes with it is final (I5).
    const memory = await store.readFleet(spec.fleet.name, clock.now())
    const isFresh = executor.stamp() === stamps[0] && cures.stamp() === stamps[1]
    if (isFresh) return decide({ observation, memory })
    engines = memory.engines
  }
  return undefined
}

/** Whether an engine that was there before this term has not been probed by this process yet. */
function isCold(observation: Observation, term: Term, now: number): boolean {
  const { found } = term
  if (found === undefined || now - found.at > PROBE.patienceMs) return false
  return observation.engines.some(
    ({ id, state, health }) =>
      found.ids.has(id) &&
      state === 'running' &&
      !health.ready &&
      health.failures === 0 &&
      health.lastError === '',
  )
}

/** @throws {StaleEpoch} when a container of ours was made under a later term: somebody else leads. */
function assertLatest({ engines }: Observation, { epoch }: Lease): void {
  const later = engines.find((engine) => engine.labels.epoch > epoch)
  if (later === undefined) return
  throw new StaleEpoch(
    `${later.name} was created under epoch ${later.labels.epoch}, above ours (${epoch}): another controller acts on this fleet`,
  )
}

async function note(entry: Bookkeeping, store: Store, lease: Lease): Promise<void> {
  const { fleet, epoch } = lease
  switch (entry.kind) {
    case 'forget':
      return store.forget(fleet, epoch, entry.id)
    case 'clearBackoff':
      return store.setBackoff(fleet, epoch, entry.slot, undefined)
    case 'setRollout':
      return store.setRollout(fleet, epoch, entry.note)
    case 'endForward':
      return store.endRequest(fleet, epoch, { kind: 'forward', node: entry.node })
    case 'setNodeNote':
      return store.setNodeNote(fleet, epoch, entry.node, entry.note)
    case 'dropFleet':
      return store.dropFleet(fleet, epoch)
    default:
      return assertNever(entry)
  }
}

function earliest(...times: (number | undefined)[]): number | undefined {
  const set = times.filter((time) => time !== undefined)
  return set.length === 0 ? undefined : Math.min(...set)
}

interface Decided {
  readonly kind: 'decided'
  /** Monotonic ms. */
  readonly at: number
  readonly incarnation: string
  readonly observation: Observation
  readonly plan: Plan
  /** Why no engine can be made of the image yet. */
  readonly lack: ReturnType<Term['images']['lacks']>
}

/** Plans, and has nothing begin any more of what was planned before. */
function decide(
  { instance, clock }: ReconcileParts,
  { fleet, template }: RulingSpec,
  term: Term,
  { observation, memory }: Found,
): Decided | Postponed {
  const { executor, cures, images, lease } = term
  const now = clock.now()
  term.found ??= { at: now, ids: new Set(observation.engines.map((engine) => engine.id)) }
  if (isCold(observation, term, now)) return { kind: 'postponed', until: now + PROBE.lookMs }
  assertLatest(observation, lease)
  executor.settle(observation)
  // Asked in every pass, so that the answer is there when an engine dies.
  const lack = images.lacks(template.image, fleet.engine.pullPolicy)
  const plan = planFleet({
    ...{ instance, fleet, template, epoch: lease.epoch, observation, memory, now },
    pending: executor.pending(),
    curing: cures.curing(),
    lacksImage: lack !== undefined,
  })
  executor.withdraw()
  const at = clock.monotonic()
  return { kind: 'decided', at, incarnation: memory.incarnation, plan, lack, observation }
}

/**
 * One pass over one fleet: observe, plan, act. It never waits for an action: what it began shows in later pictures, and
 * until then counts as pending.
 */
export async function reconcile(
  parts: ReconcileParts,
  spec: RulingSpec,
  term: Term,
  reconcileId: string,
  signal: AbortSignal,
): Promise<Reconciled | Postponed> {
  const { store, clock, observer } = parts
  const { executor, images, lease } = term
  const decided = await decideFresh(parts, spec, term, signal, (found) =>
    decide(parts, spec, term, found),
  )
  if (decided === undefined) return { kind: 'postponed', until: clock.now() }
  if (decided.kind === 'postponed') return decided
  const { incarnation, plan, lack, observation } = decided

  for (const entry of plan.bookkeeping) await note(entry, store, lease)
  // Engines that are to be replaced wait for it too.
  const needsImage =
    plan.actions.some((action) => action.verb === 'create') || plan.engines.some((e) => !e.updated)
  const actions = plan.actions.filter((action) => lack === undefined || action.verb !== 'create')
  // What was noted meanwhile may have taken long: the plan is no younger for that.
  executor.submit(actions, reconcileId, decided.at)
  term.cures.submit(plan.cure, reconcileId)

  return {
    kind: 'reconciled',
    incarnation,
    observation,
    plan,
    conditions: [
      ...spec.conditions,
      ...plan.conditions,
      ...(needsImage && lack?.condition !== undefined ? [lack.condition] : []),
      ...executor.conditions(),
    ],
    wakeAt: earliest(
      plan.wakeAt,
      observer.reviewAt(),
      executor.retryAt(),
      needsImage ? images.retryAt() : undefined,
    ),
  }
}
