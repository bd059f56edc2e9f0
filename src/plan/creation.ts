import { slotNumber } from '../engine/place.ts'
import { hasTunnel } from '../observe/observation.ts'
import type { Backoff } from '../store/store.ts'
import type { ForwardedRule, PlannedCondition } from '../telemetry/status.ts'
import { backoffAfter, createAt } from './act-on.ts'
import type { CreateAction, Inheritance } from './action.ts'
import type { Election } from './forwarding.ts'
import type { Placer } from './placement.ts'
import type { World } from './world.ts'

export interface Creation {
  readonly actions: readonly CreateAction[]
  readonly conditions: readonly PlannedCondition[]
  /** Back-off records of ordinary slots that no missing engine stands behind any more. */
  readonly surplus: readonly string[]
  /** Unix ms at which the next held-back engine may come. */
  readonly wakeAt: number | undefined
}

/** Back-off records as they stand after this very pass's deaths. */
function records(world: World): ReadonlyMap<string, Backoff> {
  const all = new Map(world.input.memory.backoff)
  for (const engine of world.engines) {
    const after = backoffAfter(engine, world)
    if (after !== undefined) all.set(engine.slot, after)
  }
  return all
}

function vacancies(world: World, all: ReadonlyMap<string, Backoff>): Inheritance[] {
  const filled = new Set([
    ...world.engines.filter((e) => e.live).map((e) => e.slot),
    ...world.expected.map((p) => p.slot),
  ])
  return [...all]
    .filter(([slot]) => slotNumber(slot) !== undefined && !filled.has(slot))
    .map(([slot, backoff]) => ({ slot, backoff }))
    .sort((a, b) => a.backoff.notBefore - b.backoff.notBefore || a.slot.localeCompare(b.slot))
}

/** Whether dead engines still hold names that will be free in a moment. */
function makesRoom(world: World): boolean {
  const { fleet, observation } = world.input
  const isOpen =
    fleet.vpn.mode === 'none' || observation.nodes.some((node) => world.acceptsNew(node))
  return isOpen && world.engines.some((engine) => !engine.live)
}

function noRoom(missing: number, world: World): PlannedCondition {
  const { fleet, observation } = world.input
  const { nodes } = observation
  const open = nodes.filter((node) => world.acceptsNew(node))
  const what = `${missing} more ${missing === 1 ? 'engine is' : 'engines are'} wanted`
  if (fleet.vpn.mode !== 'none' && open.length === 0) {
    const why = nodes.map((n) =>
      hasTunnel(n) ? `${n.name} is cordoned` : `${n.name}: ${n.message}`,
    )
    const message = `${what}, but no VPN node takes any: ${why.join('; ')}`
    return { type: 'NoVpnReady', status: 'True', reason: 'NoVpnReady', message }
  }
  return {
    type: 'NoRoom',
    status: 'True',
    reason: 'NoSlotFits',
    message: `${what}, but no free slot fits: its name or one of its ports is taken. Widen the port range, or remove what holds the names`,
  }
}

/** Why an engine is missing for now: its place failed again and again. */
function backingOff({ slot, backoff }: Inheritance): PlannedCondition {
  const at = new Date(backoff.notBefore).toISOString()
  return {
    type: 'BackingOff',
    status: 'True',
    reason: 'FailedAgain',
    message: `the engine of slot ${slot} failed ${backoff.failures} times in a row: the next one comes at ${at}; acefleet get events tells how it ended`,
  }
}

/** Whose wish an election follows, if anybody's. */
const WISHES: Readonly<Partial<Record<ForwardedRule, string>>> = {
  asked: ', asked for by forward --to',
  preferred: ', preferred by the spec',
}

function createForwarded(
  world: World,
  election: Election,
  placer: Placer,
  budget: number,
  all: ReadonlyMap<string, Backoff>,
) {
  const actions: CreateAction[] = []
  const held: Inheritance[] = []
  for (const { slot, electOn, choice } of election.places) {
    if (electOn === undefined || actions.length >= budget) continue
    const backoff = all.get(slot)
    if (backoff !== undefined && backoff.notBefore > world.input.now) {
      held.push({ slot, backoff })
      continue
    }
    const placement = placer.forwarded(slot, electOn)
    if (placement === undefined) continue
    const whose = choice === undefined ? '' : (WISHES[choice.rule] ?? '')
    const message = `elected on ${electOn.name}, port ${electOn.forwardedPort}${whose}`
    const why = { reason: 'ForwardedElected', message } as const
    actions.push(createAt(placement, { forwarded: true, inherits: undefined, why }, world))
  }
  return { actions, held }
}

/**
 * Chooses which engines to create now: the forwarded one first, then ordinary ones, never beyond replicas + maxSurge
 * (I2), on the least loaded node (I4), and none whose place is still backing off.
 */
export function planCreation(
  world: World,
  election: Election,
  placer: Placer,
  need: { readonly missing: number; readonly creates: number },
): Creation {
  const { fleet, now } = world.input
  const all = records(world)
  const budget = Math.max(0, fleet.replicas + fleet.update.maxSurge - world.liveCount)
  const forwarded = createForwarded(world, election, placer, budget, all)

  const vacant = vacancies(world, all)
  const due = vacant.filter((v) => v.backoff.notBefore <= now)
  const vacantHeld = vacant.slice(due.length, Math.max(due.length, need.missing))
  const held = [...forwarded.held, ...vacantHeld]
  const may = Math.min(need.creates - vacantHeld.length, budget - forwarded.actions.length)
  // Where another engine would come in between, the record of this place's failures would be lost.
  const reserved = new Set(vacant.slice(0, need.missing).map((v) => v.slot))

  const actions: CreateAction[] = [...forwarded.actions]
  let unplaced = 0
  for (let i = 0; i < may; i++) {
    const inherited = due[i]
    const placement = placer.ordinary(inherited?.slot, reserved)
    if (placement === undefined) {
      unplaced = may - i
      break
    }
    const message =
      inherited === undefined
        ? 'an engine was missing'
        : `replaces the engine of slot ${inherited.slot} (failure ${inherited.backoff.failures})`
    const why = { reason: 'EngineCreated', message } as const
    actions.push(createAt(placement, { forwarded: false, inherits: inherited, why }, world))
  }
  return {
    actions,
    conditions: [
      ...held.map(backingOff),
      ...(unplaced > 0 && !makesRoom(world) ? [noRoom(unplaced, world)] : []),
    ],
    surplus: vacant.slice(need.missing).map((v) => v.slot),
    wakeAt: held.length === 0 ? undefined : Math.min(...held.map((h) => h.backoff.notBefore)),
  }
}
