import type { RolloutNote } from '../store/store.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { Why } from './action.ts'
import type { Engine } from './engine.ts'
import { mostExpendable } from './expendability.ts'
import type { Election } from './forwarding.ts'
import { displaced } from './move.ts'
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

/** The engines that are to go on living: neither marked nor about to give up the forwarded label. */
interface Crew {
  /** Forwarded ones included. */
  readonly staying: readonly Engine[]
  /** Ordinary ones that are as the spec says, and those that are not. */
  readonly fitting: readonly Engine[]
  readonly misfits: readonly Engine[]
  /** Ordinary ones that are being created. */
  readonly expected: number
}

function crewOf(world: World, election: Election): Crew {
  const staying = world.engines.filter(
    (e) => e.live && e.mark === undefined && !election.releases.has(e),
  )
  const ordinary = staying.filter((e) => !e.forwarded)
  return {
    staying,
    fitting: ordinary.filter((e) => e.misfit === undefined),
    misfits: ordinary.filter((e) => e.misfit !== undefined),
    expected: world.expected.filter((p) => !p.forwarded).length,
  }
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

/** How many ready engines more than the least there may go. */
function spare({ staying }: Crew, gone: readonly Engine[], world: World): number {
  const { replicas, update } = world.input.fleet
  const minimum = world.deleting ? 0 : replicas - update.maxUnavailable
  return staying.filter((e) => e.ready && !gone.includes(e)).length - minimum
}

/** Lets engines go as far as availability allows: those that serve nobody first. */
function asFarAs(left: number, leaving: readonly (readonly [Engine, Why])[]) {
  let spared = left
  return leaving.filter(([engine]) => {
    if (!engine.ready) return true
    spared -= 1
    return spared >= 0
  })
}

/** While nothing of the new spec can come, old engines stay, but no more of them than are wanted. */
function excessMisfits({ misfits, staying }: Crew, kept: readonly Engine[], wanted: number) {
  const serving = kept.filter((e) => e.ready).length
  return mostExpendable(misfits, staying, misfits.length + serving - wanted)
}

/** Whether an engine of the new spec is there that has yet to show that it starts. */
function isTrying({ expected }: Crew, kept: readonly Engine[]): boolean {
  return expected > 0 || kept.some((e) => !e.ready)
}

/** Whether an engine that is to be tried in a pause needs the place of an old one, for want of any surge. */
function needsPlace(crew: Crew, kept: readonly Engine[], world: World): boolean {
  const { maxSurge } = world.input.fleet.update
  return maxSurge === 0 && !isTrying(crew, kept) && spare(crew, [], world) > 0
}

const letGo = (engine: Engine, message: string): readonly [Engine, Why] => [
  engine,
  { reason: 'EngineDraining', message },
]

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
  const { template, lacksImage = false } = world.input
  const wanted = wantedOrdinary(world, election)
  const crew = crewOf(world, election)
  const { staying, fitting, misfits, expected } = crew
  const isRolling = misfits.length > 0 && !world.deleting
  const paused = isRolling && note?.specHash === template.specHash ? note : undefined
  const isHeld = paused !== undefined || (lacksImage && !world.deleting)

  const isSettled = misfits.length === 0 && !isHeld
  // What is missing comes first, for it may restore the balance.
  const mayMove = isSettled && fitting.length + expected >= wanted
  const isMoving = fitting.length + expected > wanted
  const mover = mayMove ? displaced(fitting, world, { election, placer, isMoving }) : undefined
  const kept = fitting.filter((e) => e !== mover)
  const have = kept.length + expected
  const isTrialDue = paused !== undefined && needsPlace(crew, kept, world)

  const excess = [
    ...mostExpendable(kept, staying, have - wanted),
    ...(isHeld ? excessMisfits(crew, kept, wanted - Number(isTrialDue)) : []),
  ]
  const scaled: Why = { reason: 'Scaled', message: `${wanted} ordinary engines are wanted` }
  const outdated = mostExpendable(misfits, staying, misfits.length).map((e) =>
    letGo(e, `${e.misfit}: replaced by a new engine`),
  )
  const moved = mover === undefined ? [] : [letGo(mover, 'moved to a less loaded VPN node')]
  const replaced = isHeld ? [] : asFarAs(spare(crew, excess, world), [...outdated, ...moved])
  const isDone = isSettled && have === wanted && kept.every((e) => e.ready)
  const missing = Math.max(0, wanted - have)
  const trials = isTrying(crew, kept) ? 0 : 1
  return {
    missing,
    creates: paused ? Math.min(missing, trials) : missing,
    releases: new Map([
      ...excess.map((e) => [e, scaled] as const),
      ...replaced,
      ...(isDone ? outdatedForwarded(election) : []),
    ]),
    conditions: paused ? [pausedCondition(paused)] : [],
  }
}

/** The forwarded engine is rolled last, when every ordinary one is new and ready, and stop-first. */
function outdatedForwarded(election: Election) {
  const holders = election.places.flatMap((place) => place.holder ?? [])
  const [first, ...others] = holders.filter((e) => e.misfit !== undefined)
  // One place at a time: the others must be served meanwhile.
  const areServed = holders.every((e) => e.ready || e === first || others.includes(e))
  return first && areServed ? [letGo(first, `${first.misfit}: replaced, stop first`)] : []
}
