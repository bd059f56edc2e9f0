import type { ObservedNode } from '../observe/observation.ts'
import type { RolloutNote } from '../store/store.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { Why } from './action.ts'
import type { Engine } from './engine.ts'
import { countByNode, mostExpendable } from './expendability.ts'
import type { Election } from './forwarding.ts'
import type { Placer } from './placement.ts'
import type { World } from './world.ts'

/** How many ordinary engines to create, and which engines to let go, and why. */
export interface Rollout {
  /** Ordinary engines that are not there. */
  readonly missing: number
  /** How many of them may be created; fewer while the rollout is paused. */
  readonly creates: number
  readonly releases: ReadonlyMap<Engine, Why>
  readonly conditions: readonly PlannedCondition[]
}

/** Whether a forwarded engine is about to go or to come: its node's load is not what it will be in a moment. */
function isElecting(world: World, election: Election): boolean {
  return (
    election.places.some((place) => place.electOn !== undefined) ||
    world.engines.some((e) => e.forwarded && (!e.live || e.mark !== undefined))
  )
}

/** Whether everything that counts in the balance is there and settled. */
function isBalanceKnown(unmarked: readonly Engine[], world: World, election: Election): boolean {
  return (
    unmarked.every((e) => e.ready) && world.expected.length === 0 && !isElecting(world, election)
  )
}

/**
 * An idle engine that should be on another node, when nodes differ by two or more (I4). Only ready engines are
 * weighed: a new one that is still starting must not make its own move look done. A move whose successor may not come
 * yet is not begun, so that nothing waits for it; where an engine may be missing for a while, it makes room for itself.
 */
function displaced(
  kept: readonly Engine[],
  world: World,
  { election, placer, isMoving }: { election: Election; placer: Placer; isMoving: boolean },
) {
  const { replicas, update } = world.input.fleet
  const unmarked = world.engines.filter((e) => e.live && e.mark === undefined)
  if (!isMoving && !isBalanceKnown(unmarked, world, election)) return undefined
  const loads = countByNode(unmarked.filter((e) => e.ready))
  const load = (node: ObservedNode) => loads.get(node.name) ?? 0
  const mayCome = isMoving || world.liveCount < replicas + update.maxSurge
  const roomy = new Set(mayCome ? placer.nodesWithRoom() : [])
  const open = world.input.observation.nodes.filter((node) => world.acceptsNew(node))
  const stopsFirst = (e: Engine) =>
    update.maxUnavailable > 0 && Number(e.slot) < replicas + update.maxSurge
  const hasBetter = (e: Engine, from: ObservedNode) =>
    open.some(
      (to) =>
        load(from) - load(to) >= 2 && (roomy.has(to) || (stopsFirst(e) && placer.fits(e.slot, to))),
    )
  const movable = kept.filter(
    (e) =>
      e.ready &&
      e.streams === 0 &&
      e.node !== undefined &&
      world.acceptsNew(e.node) &&
      hasBetter(e, e.node),
  )
  return mostExpendable(movable, unmarked, 1)[0]
}

function isPaused(note: RolloutNote | undefined, world: World): boolean {
  return note !== undefined && note.specHash === world.input.template.specHash
}

function pausedCondition(note: RolloutNote): PlannedCondition {
  return {
    type: 'RolloutPaused',
    status: 'True',
    reason: 'StartFailed',
    message: `${note.lastFailure}; engines of the old spec stay. Correct the spec, or wait: one engine of the new spec is tried again with back-off`,
  }
}

/** How many ordinary engines the spec wants beside the forwarded ones that are or will be there. */
function wantedOrdinary(world: World, election: Election): number {
  const { replicas, update } = world.input.fleet
  if (world.deleting) return 0
  const served = election.places.filter((place) => place.served).length
  // A forwarded engine that is drained for a move holds viewers for minutes: an ordinary one stands in, where surge allows.
  const leaving = world.engines.filter(
    (e) => e.forwarded && e.live && e.phase === 'Draining' && e.streams !== 0,
  ).length
  return Math.max(0, replicas - served) + Math.min(leaving, update.maxSurge)
}

/** Lets engines of an old spec go as far as availability allows: those that serve nobody first. */
function releaseOutdated(outdated: readonly [Engine, Why][], available: number, minimum: number) {
  const releases = new Map<Engine, Why>()
  let left = available
  for (const [engine, why] of outdated) {
    if (engine.ready && left - 1 < minimum) continue
    if (engine.ready) left -= 1
    releases.set(engine, why)
  }
  return releases
}

/**
 * Decides how many ordinary engines come and which go: scaling, rolling update (start-first within maxSurge and
 * maxUnavailable) and moves between nodes are one computation, so that they cannot work against one another.
 */
export function planRollout(
  world: World,
  election: Election,
  placer: Placer,
  note: RolloutNote | undefined,
): Rollout {
  const { fleet, template, lacksImage = false } = world.input
  const wanted = wantedOrdinary(world, election)
  const staying = world.engines.filter(
    (e) => e.live && e.mark === undefined && !election.releases.has(e),
  )
  const ordinary = staying.filter((e) => !e.forwarded)
  const fitting = ordinary.filter((e) => e.misfit === undefined)
  const misfits = ordinary.filter((e) => e.misfit !== undefined)
  const expected = world.expected.filter((p) => !p.forwarded).length
  const paused = isPaused(note, world) && misfits.length > 0 && !world.deleting

  const settled = misfits.length === 0 && !paused
  const isMoving = fitting.length + expected > wanted
  const mover =
    settled && !lacksImage ? displaced(fitting, world, { election, placer, isMoving }) : undefined
  const kept = fitting.filter((e) => e !== mover)
  const have = kept.length + expected

  // Old engines stay while the rollout is paused, but no more of them than are wanted.
  const surplus = misfits.length + kept.filter((e) => e.ready).length - wanted
  const excess = [
    ...mostExpendable(kept, staying, have - wanted),
    ...(paused ? mostExpendable(misfits, staying, surplus) : []),
  ]
  const releases = new Map<Engine, Why>(
    excess.map((e) => [e, { reason: 'Scaled', message: `${wanted} ordinary engines are wanted` }]),
  )
  const available = staying.filter((e) => e.ready && !releases.has(e)).length
  const minimum = world.deleting ? 0 : fleet.replicas - fleet.update.maxUnavailable
  const outdated: [Engine, Why][] = mostExpendable(misfits, staying, misfits.length).map((e) => [
    e,
    { reason: 'EngineDraining', message: `${e.misfit}: replaced by a new engine` },
  ])
  if (mover !== undefined)
    outdated.push([mover, { reason: 'EngineDraining', message: 'moved to a less loaded VPN node' }])
  if (!paused && !lacksImage)
    for (const [e, why] of releaseOutdated(outdated, available, minimum)) releases.set(e, why)

  const missing = Math.max(0, wanted - have)
  const forwarded = releaseForwarded(
    election,
    settled && !lacksImage && have === wanted && kept.every((e) => e.ready),
  )
  if (forwarded !== undefined)
    releases.set(forwarded, {
      reason: 'EngineDraining',
      message: `${forwarded.misfit}: replaced, stop first`,
    })
  const failing = note !== undefined && note.specHash === template.specHash
  return {
    missing,
    creates: paused ? Math.min(missing, 1) : missing,
    releases,
    conditions: failing && paused ? [pausedCondition(note)] : [],
  }
}

/** The forwarded engine is rolled last, when every ordinary one is new and ready, and stop-first. */
function releaseForwarded(election: Election, ordinaryDone: boolean): Engine | undefined {
  if (!ordinaryDone) return undefined
  const holders = election.places.flatMap((place) => place.holder ?? [])
  const outdated = holders.filter((e) => e.misfit !== undefined)
  // One place at a time: the others must be served meanwhile.
  return holders.every((e) => e.ready || outdated.includes(e)) ? outdated[0] : undefined
}
