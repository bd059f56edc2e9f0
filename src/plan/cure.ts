import type { ObservedNode } from '../observe/observation.ts'
import { hashOf } from '../spec/hash.ts'
import type { CureKind, CureRecord, NodeNote } from '../store/node-note.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { Bookkeeping } from './action.ts'
import { type Ailment, ailmentsOf, whyNotCure } from './ailment.ts'
import { afterNodeLook, recordOf, underWayUntil, withResume, withTry } from './cure-record.ts'
import type { Election } from './forwarding.ts'
import type { NodeAction } from './node-action.ts'
import type { World } from './world.ts'

export interface Cures {
  /** The one that is to be begun now. */
  readonly action: NodeAction | undefined
  readonly bookkeeping: readonly Bookkeeping[]
  readonly conditions: readonly PlannedCondition[]
  /** By node: what ails it and what is done about it, for people. */
  readonly notes: ReadonlyMap<string, string>
  /** Unix ms. */
  readonly wakeAt: number | undefined
}

/**
 * A node that never had a forwarded port is not restarted for one any more after so many tries, half an hour: its
 * server is likely to have none to give.
 */
const PORTLESS_TRIES = 5
/** How often it is looked again whether what forbids a cure is over, ms. */
const LOOK_MS = 5_000

/** An ailment whose cure is due, and what has been tried. */
interface Case extends Ailment {
  readonly record: CureRecord | undefined
  /** No more tries. */
  readonly isGivenUp: boolean
  readonly forbidden: string | undefined
}

function targetOf({ name, address, startedAt }: ObservedNode, world: World) {
  const node = world.input.fleet.vpn.nodes.find((each) => each.name === name)
  if (node === undefined) return undefined
  const { control, portFile } = node
  return { node: { name, control, portFile }, address, startedAt }
}

function actionFor(
  { node, kind }: Pick<Ailment, 'node' | 'kind'>,
  { note, why, isResumed }: { note: NodeNote; why: string; isResumed: boolean },
  world: World,
): NodeAction | undefined {
  const { name: vpn, generation, containerId } = node
  if (generation === undefined || containerId === undefined) return undefined
  const base = { vpn, generation, note, why }
  if (kind === 'container') return { ...base, verb: 'restartContainer', kind, containerId }
  const target = targetOf(node, world)
  return target && { ...base, verb: 'restartVpn', kind, target, isResumed }
}

function recordsOf(note: NodeNote | undefined) {
  return Object.entries(note?.cures ?? {}) as readonly (readonly [CureKind, CureRecord])[]
}

/** What a restart that nobody saw end has left stopped: it is started at once. */
function resumeAction(world: World): NodeAction | undefined {
  const { observation, memory, now } = world.input
  for (const node of observation.nodes) {
    const note = memory.nodes.get(node.name)
    for (const [kind, record] of recordsOf(note)) {
      const reason = kind === 'container' ? 'ContainerNotRunning' : 'VpnStopped'
      const isLeft = record.generation === node.generation && node.reason === reason
      if (note === undefined || !isLeft || now < (record.resumeAt ?? Infinity)) continue
      const why = 'a restart that was begun left it stopped'
      const how = { note: withResume(note, kind, now), why, isResumed: true }
      const action = actionFor({ node, kind }, how, world)
      if (action !== undefined) return action
    }
  }
  return undefined
}

/** A node on which somebody may be at work, be it that we only know from the store. */
function underWay(world: World): string | undefined {
  const { observation, memory, curing, now } = world.input
  if (curing !== undefined) return curing
  const isBusy = (node: ObservedNode) =>
    recordsOf(memory.nodes.get(node.name)).some(
      ([kind, record]) => now < (underWayUntil(record, kind, node) ?? 0),
    )
  return observation.nodes.find(isBusy)?.name
}

function caseOf(ailment: Ailment, specHash: string, world: World): Case {
  const note = world.input.memory.nodes.get(ailment.node.name)
  const record = recordOf(note, ailment.kind, ailment.node, specHash)
  const isGivenUp =
    ailment.kind === 'port' && note?.hadPort !== true && (record?.tries ?? 0) >= PORTLESS_TRIES
  return { ...ailment, record, isGivenUp, forbidden: whyNotCure(ailment, world) }
}

const WORDS: Readonly<Record<CureKind, string>> = {
  vpn: 'its VPN was stopped and started',
  port: 'its VPN was stopped and started for that',
  container: 'its container was restarted',
}

function tried({ kind, record }: Case): string {
  if (record === undefined) return ''
  const times = record.tries === 1 ? 'once' : `${record.tries} times`
  const why = record.failure === '' ? '' : `, the last time in vain: ${record.failure}`
  return `; ${WORDS[kind]} ${times}${why}`
}

/** What comes next, for people, and why. */
function prospect(each: Case, isNow: boolean, busy: string | undefined, now: number) {
  const { kind, record, isGivenUp, forbidden, node } = each
  const cure =
    kind === 'container' ? 'its container is restarted' : 'its VPN is stopped and started'
  if (isNow) return { reason: 'Curing', next: 'that is being done now' }
  if (isGivenUp) {
    const next = `it never had one, and is left alone now until its container is restarted or the spec is edited (is VPN_PORT_FORWARDING=on, and does the server support it?)`
    return { reason: 'GivenUp', next }
  }
  if (forbidden !== undefined)
    return { reason: 'Forbidden', next: `it is left as it is for now: ${forbidden}` }
  if (busy !== undefined && busy !== node.name)
    return { reason: 'Waiting', next: `${cure} after ${busy}, one node at a time` }
  const at = new Date(record?.notBefore ?? now).toISOString()
  return { reason: 'Waiting', next: `${cure} at ${at} if it still is so` }
}

function told(each: Case, isNow: boolean, busy: string | undefined, now: number) {
  const { reason, next } = prospect(each, isNow, busy, now)
  const type = each.kind === 'port' ? 'PortStuck' : 'VpnStuck'
  const text = `${each.what}${tried(each)}; ${next}`
  const message = `${each.node.name} ${text}`
  return { condition: { type, status: 'True', reason, message } as const, text }
}

function noteChanges(world: World): Bookkeeping[] {
  const { memory, observation, fleet, curing, now } = world.input
  const { restartVpnAfterMs, restartContainerAfterMs, nodes } = fleet.vpn
  const isOff = restartVpnAfterMs === 'never' && restartContainerAfterMs === 'never'
  const named = new Set(nodes.map((node) => node.name))
  const left = [...memory.nodes.keys()].filter((name) => !named.has(name))
  const looked = observation.nodes.flatMap((node): Bookkeeping[] => {
    const before = memory.nodes.get(node.name)
    if (node.name === curing || (isOff && before === undefined)) return []
    const note = afterNodeLook(before, node, now)
    return note === before ? [] : [{ kind: 'setNodeNote', node: node.name, note }]
  })
  return [
    ...left.map((node): Bookkeeping => ({ kind: 'setNodeNote', node, note: undefined })),
    ...looked,
  ]
}

/** When something may be begun although nothing else happens. */
function nextLooks(cases: readonly Case[], isBusy: boolean, world: World): readonly number[] {
  const { observation, memory, now } = world.input
  const looks = cases.flatMap(({ dueAt, record, isGivenUp, forbidden }) => {
    if (isGivenUp) return []
    const at = Math.max(dueAt, record?.notBefore ?? 0)
    if (at > now) return [at]
    return forbidden !== undefined || isBusy ? [now + LOOK_MS] : []
  })
  const owed = observation.nodes
    .filter(({ state }) => state === 'down')
    .flatMap(({ name }) => recordsOf(memory.nodes.get(name)))
    .flatMap(([, { resumeAt }]) => (resumeAt !== undefined && resumeAt > now ? [resumeAt] : []))
  return [...looks, ...owed]
}

/** What is stated of nodes whose cure is due. */
function state(due: readonly Case[], action: NodeAction | undefined, world: World) {
  const { curing, now } = world.input
  const busy = underWay(world) ?? action?.vpn
  const notes = new Map<string, string>()
  const conditions = due.map((each): PlannedCondition => {
    const { name } = each.node
    const isNow = curing === name || (action?.vpn === name && action.kind === each.kind)
    const { condition, text } = told(each, isNow, busy, now)
    const before = notes.get(name)
    notes.set(name, before === undefined ? text : `${before}; ${text}`)
    return condition
  })
  return { conditions, notes }
}

function isReady({ record, isGivenUp, forbidden }: Case, now: number): boolean {
  return !isGivenUp && forbidden === undefined && (record?.notBefore ?? 0) <= now
}

/**
 * Decides what to do about VPN nodes that are stuck: at most one thing at a time in the whole fleet, never where bytes
 * flow, never to the last node whose VPN works (docs/adr/0020). These are no actions on engines: those follow from what
 * the node is like afterwards.
 */
export function planCures(world: World, election: Election): Cures {
  const { memory, now, curing, fleet } = world.input
  const ailments = ailmentsOf(world, election)
  const { vpn, forwarding } = fleet
  const specHash = ailments.length === 0 ? '' : hashOf({ vpn, forwarding })
  const cases = ailments.map((ailment) => caseOf(ailment, specHash, world))
  const due = cases.filter((each) => each.dueAt <= now)
  const isFree = underWay(world) === undefined
  const begin = (each: Case): NodeAction | undefined => {
    const note = withTry(memory.nodes.get(each.node.name), each.kind, each.node, specHash, now)
    return actionFor(each, { note, why: each.what, isResumed: false }, world)
  }
  const resumed = curing === undefined ? resumeAction(world) : undefined
  const chosen = isFree ? due.find((each) => isReady(each, now)) : undefined
  const action = resumed ?? (chosen && begin(chosen))
  const wakes = nextLooks(cases, !isFree || resumed !== undefined, world)
  return {
    action,
    bookkeeping: noteChanges(world),
    ...state(due, action, world),
    wakeAt: wakes.length === 0 ? undefined : Math.min(...wakes),
  }
}
