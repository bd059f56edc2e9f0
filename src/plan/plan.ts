import { actOn } from './act-on.ts'
import type { Action, Bookkeeping, Plan } from './action.ts'
import { planCreation } from './creation.ts'
import { planCures } from './cure.ts'
import { electForwarded } from './forwarding.ts'
import type { PlanInput } from './input.ts'
import { makePlacer } from './placement.ts'
import { planRollout } from './rollout.ts'
import { rolloutNote } from './rollout-note.ts'
import { engineStatuses, planConditions, vpnStatuses } from './status.ts'
import { dueAt, judge } from './verdict.ts'
import { buildWorld, type World } from './world.ts'

/** What must never wait comes first; a graceful stop, which may take ten seconds, comes last. */
const ORDER: Readonly<Record<Action['verb'], number>> = {
  noteReady: 0,
  drain: 1,
  create: 3,
  start: 4,
  remove: 5,
  stop: 6,
}

function urgency(action: Action): number {
  return action.verb === 'stop' && action.mark === 'failed' ? 2 : ORDER[action.verb]
}

/** A record that a new engine inherits must not be written anew by the end of the old one. */
function withoutInherited(actions: readonly Action[]): readonly Action[] {
  const inherited = new Set(
    actions.flatMap((a) => (a.verb === 'create' && a.inherits ? [a.inherits.slot] : [])),
  )
  return actions.map((action) =>
    (action.verb === 'stop' || action.verb === 'remove') && inherited.has(action.slot)
      ? { ...action, backoff: undefined }
      : action,
  )
}

/** What memory may forget, because a list has shown that it is over. */
function forgettable(world: World): Bookkeeping[] {
  const { memory } = world.input
  const listed = new Set(world.engines.map((engine) => engine.id))
  const asked = memory.requests.flatMap((r) => (r.kind === 'drainEngine' ? [r.containerId] : []))
  const { marks, engines, streams } = memory
  const remembered = new Set([...marks.keys(), ...engines.keys(), ...streams.keys(), ...asked])
  return [...remembered].filter((id) => !listed.has(id)).map((id) => ({ kind: 'forget', id }))
}

function earliest(times: readonly (number | undefined)[], now: number): number | undefined {
  const due = times.filter((time) => time !== undefined && time > now) as number[]
  return due.length === 0 ? undefined : Math.min(...due)
}

/** Slots whose failures were those of engines that failed their start under another spec: they say nothing of this one. */
function forgivenSlots({ memory, template }: PlanInput): readonly string[] {
  const isCorrected = memory.rollout !== undefined && memory.rollout.specHash !== template.specHash
  return isCorrected ? [...memory.backoff.keys()] : []
}

/**
 * Decides what to do about one fleet, from what was seen and what is remembered alone. In order: who holds the
 * forwarded places, who goes and how many come, what each engine is told, what is created where.
 */
export function planFleet(given: PlanInput): Plan {
  const forgiven = forgivenSlots(given)
  const { memory } = given
  const input =
    forgiven.length === 0 ? given : { ...given, memory: { ...memory, backoff: new Map() } }
  const world = buildWorld(input)
  const note = rolloutNote(world)
  const placer = makePlacer(world)
  const election = electForwarded(world, placer)
  const rollout = planRollout(world, election, placer, note)
  const released = new Map([...rollout.releases, ...election.releases])
  const creation = planCreation(world, election, placer, rollout)
  const cures = planCures(world, election)

  const told = world.engines.flatMap((engine) => {
    const verdict = judge(engine, released, world)
    return verdict === undefined ? [] : actOn(engine, verdict, world)
  })
  const actions = withoutInherited([...told, ...creation.actions]).toSorted(
    (a, b) => urgency(a) - urgency(b),
  )

  const over = world.deleting && world.engines.length === 0 && input.pending.length === 0
  const bookkeeping: Bookkeeping[] = [
    ...forgettable(world),
    ...election.bookkeeping,
    ...[...forgiven, ...creation.surplus].map(
      (slot): Bookkeeping => ({ kind: 'clearBackoff', slot }),
    ),
    ...(note === memory.rollout ? [] : [{ kind: 'setRollout', note } as const]),
    ...(over ? [] : cures.bookkeeping),
    ...(over ? [{ kind: 'dropFleet' } as const] : []),
  ]
  const stated = [
    ...election.conditions,
    ...rollout.conditions,
    ...creation.conditions,
    ...cures.conditions,
  ]
  return {
    bookkeeping,
    actions,
    cure: cures.action,
    conditions: planConditions(world, stated, actions.length > 0 || input.pending.length > 0),
    engines: engineStatuses(world),
    vpns: vpnStatuses(world, cures.notes),
    forwarding: election.places.flatMap(({ choice }) => choice ?? []),
    wakeAt: earliest(
      [creation.wakeAt, cures.wakeAt, ...world.engines.flatMap((engine) => dueAt(engine, world))],
      input.now,
    ),
  }
}
