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
function underWay(
  world: World,
): { readonly name: string; readonly until: number | undefined } | undefined {
  const { observation, memory, curing, now } = world.input
  if (curing !== undefined) return { name: curing, until: undefined }
  for (const node of observation.nodes)
    for (const [kind, record] of recordsOf(memory.nodes.get(node.name))) {
      const until = underWayUntil(record, kind, node)
      if (until !== undefined && now < until) return { name: node.name, until }
    }
  return undefined
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

function nextLook(cases: readonly Case[], isBusy: boolean, now: number): readonly number[] {
  return cases.flatMap(({ dueAt, record, isGivenUp, forbidden }) => {
    if (isGivenUp) return []
    const at = Math.max(dueAt, record?.notBefore ?? 0)
    if (at > now) return [at]
    return forbidden !== undefined || isBusy ? [now + LOOK_MS] : []
  })
}

/**
 * Decides what to do about VPN nodes that are stuck: at most one thing at a time in the whole fleet, never where bytes
 * flow, never to the last node whose VPN works (docs/adr/0020). These are no actions on engines: those follow from what
 * the node is like afterwards.
 */
export function planCures(world: World, election: Election): Cures {
  const { memory, now } = world.input
  const bookkeeping = noteChanges(world)
  const ailments = ailmentsOf(world, election)
  const resumed = world.input.curing === undefined ? resumeAction(world) : undefined
  const notes = new Map<string, string>()
  if (ailments.length === 0)
    return { action: resumed, bookkeeping, conditions: [], notes, wakeAt: undefined }

  const { vpn, forwarding } = world.input.fleet
  const specHash = hashOf({ vpn, forwarding })
  const cases = ailments.map((ailment) => caseOf(ailment, specHash, world))
  const busy = underWay(world)
  const due = cases.filter((each) => each.dueAt <= now)
  const chosen = due.find(
    ({ record, isGivenUp, forbidden }) =>
      !isGivenUp && forbidden === undefined && (record?.notBefore ?? 0) <= now,
  )
  const isFree = busy === undefined && resumed === undefined
  const begin = (each: Case | undefined) =>
    each &&
    actionFor(
      each,
      {
        note: withTry(memory.nodes.get(each.node.name), each.kind, each.node, specHash, now),
        why: each.what,
        isResumed: false,
      },
      world,
    )
  const action = resumed ?? (isFree ? begin(chosen) : undefined)

  const busyName = busy?.name ?? action?.vpn
  const stated = due.map((each) => {
    const isNow = world.input.curing === each.node.name || (isFree && each === chosen)
    const { condition, text } = told(each, isNow, busyName, now)
    const before = notes.get(each.node.name)
    notes.set(each.node.name, before === undefined ? text : `${before}; ${text}`)
    return condition
  })
  const wakes = [
    ...nextLook(cases, !isFree, now),
    ...(busy?.until === undefined ? [] : [busy.until]),
  ]
  return {
    action,
    bookkeeping,
    conditions: stated,
    notes,
    wakeAt: wakes.length === 0 ? undefined : Math.min(...wakes),
  }
}
