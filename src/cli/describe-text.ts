import { stringify } from 'yaml'
import type { ForwardedChoiceView } from '../api/forwarding-view.ts'
import type {
  ConditionView,
  EngineDetail,
  EventView,
  FleetDetail,
  MarkView,
  VpnDetail,
} from '../api/view.ts'
import type { UserRequest } from '../store/store.ts'
import { ageOf } from './age.ts'
import {
  conditionColumns,
  engineColumns,
  eventColumns,
  fleetState,
  leaseText,
  replicaColumns,
  shortHash,
  vpnColumns,
} from './columns.ts'
import { choiceText } from './forwarding-text.ts'
import { p2pText } from './p2p-text.ts'
import { streamColumns } from './stream-columns.ts'
import { type Column, printTable, shownColumns } from './table.ts'
import { oneLine } from './text-width.ts'

const INDENT = '  '

type Field = readonly [string, string | number | boolean | null | undefined]

function fieldText(value: Field[1]): string {
  if (value === null || value === undefined || value === '') return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return oneLine(String(value))
}

function printFields(fields: readonly Field[], indent = ''): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 1
  return fields
    .map(([name, value]) => `${indent}${`${name}:`.padEnd(width)}  ${fieldText(value)}\n`)
    .join('')
}

function section<Item>(title: string, columns: readonly Column<Item>[], items: readonly Item[]) {
  if (items.length === 0) return `${title}:  none\n`
  return `${title}:\n${printTable(shownColumns(columns, false), items, INDENT)}`
}

function when(time: string | null, now: number): string {
  return time === null ? '-' : `${time} (${ageOf(time, now)} ago)`
}

function requestText(request: UserRequest): string {
  switch (request.kind) {
    case 'cordon':
      return `cordon of ${request.node}`
    case 'drainNode':
      return `drain of ${request.node}`
    case 'drainEngine':
      return `drain of container ${request.containerId.slice(0, 12)}`
    case 'forward':
      return `forwarded engine to ${request.node}`
    case 'delete':
      return 'deletion of the fleet'
  }
}

function requestsText(requests: readonly UserRequest[]): string {
  return requests.length === 0 ? 'none' : requests.map(requestText).join(', ')
}

function markText(mark: MarkView | null, now: number): string {
  if (mark === null) return 'none'
  const stop = mark.stopAt === null ? '' : `, stopping since ${mark.stopAt}`
  const deadline = mark.deadlineAt === null ? '' : `, stopped at ${mark.deadlineAt} at the latest`
  return `${mark.kind} for ${ageOf(mark.at, now)}: ${mark.reason}${deadline}${stop}`
}

/** Who leads, and if that is another one than who published the status last, who did. */
function leaderText({ leader, lastLeader }: FleetDetail): string {
  const last = lastLeader === null || lastLeader === leader ? '' : ` (the last was ${lastLeader})`
  return `${leader ?? 'none'}${last}`
}

/** What rules, in the words of the replicas' table. */
function documentText({ documentHash, source }: FleetDetail): string | null {
  return documentHash === null ? source : `${shortHash(documentHash)} in ${source ?? 'no file'}`
}

function epochText({ leader, epoch, lastEpoch }: FleetDetail): string | number | null {
  return leader === null && lastEpoch !== null ? `none (the last was ${lastEpoch})` : epoch
}

function eventsSection(events: readonly EventView[], now: number): string {
  return section('Events', eventColumns(now), events)
}

function conditionsSection(conditions: readonly ConditionView[], now: number): string {
  return section('Conditions', conditionColumns(now), conditions)
}

/** Why each forwarded engine is where it is. */
function choiceFields(choices: readonly ForwardedChoiceView[], now: number): Field[] {
  return choices.map((choice): Field => ['Forwarded on', choiceText(choice, now)])
}

function p2pFields({ p2p }: FleetDetail): Field[] {
  const text = p2pText(p2p)
  return text === null ? [] : [['P2P quality', text]]
}

/** All that is known of a fleet. */
export function describeFleet(
  fleet: FleetDetail,
  events: readonly EventView[],
  now: number,
): string {
  const spec = stringify(fleet.spec).replaceAll(/^(?=.)/gm, INDENT)
  return [
    printFields([
      ['Name', fleet.name],
      ['Status', fleetState(fleet)],
      ['Replicas', fleet.replicas],
      ['Ready', fleet.ready],
      ['Updated', fleet.updated],
      ['Forwarded', fleet.forwarded],
      ...choiceFields(fleet.forwarding, now),
      ...p2pFields(fleet),
      ['Generation', fleet.generation],
      ['Spec hash', fleet.specHash],
      ['Document', documentText(fleet)],
      ['Accepted', when(fleet.acceptedAt, now)],
      ['Leader', leaderText(fleet)],
      ['Epoch', epochText(fleet)],
      ['Lease', leaseText(fleet)],
      ['Observed', when(fleet.observedAt, now)],
      ['Requests', requestsText(fleet.requests)],
    ]),
    conditionsSection(fleet.conditions, now),
    section('Live replicas', replicaColumns(now), fleet.liveReplicas),
    section('VPN nodes', vpnColumns(now), fleet.vpns),
    section('Engines', engineColumns(now), fleet.engines),
    eventsSection(events, now),
    fleet.spec === null ? 'Spec:  unknown\n' : `Spec:\n${spec}`,
  ].join('\n')
}

/** All that is known of an engine. */
export function describeEngine(
  engine: EngineDetail,
  events: readonly EventView[],
  now: number,
): string {
  return [
    printFields([
      ['Name', engine.name],
      ['Fleet', engine.fleet],
      ['Slot', engine.slot],
      ['Phase', engine.phase],
      ['Ready', engine.ready],
      ['Dead', engine.dead],
      ['Note', engine.note],
      ['Streams', engine.streams ?? 'unknown (counts as busy)'],
      ['Forwarded', engine.forwarded],
      ...choiceFields(engine.forwarding === null ? [] : [engine.forwarding], now),
      ['VPN', engine.vpn],
      ['Address', engine.address],
      ['Port', engine.port],
      ['P2P port', engine.p2pPort],
      ['Container', engine.containerId],
      ['Created', when(engine.createdAt, now)],
      ['Spec hash', engine.specHash],
      ['Updated', engine.updated],
      ['Mark', markText(engine.mark, now)],
    ]),
    section('Sessions', streamColumns(now), engine.sessions),
    eventsSection(events, now),
  ].join('\n')
}

/** All that is known of a VPN node. */
export function describeVpn(vpn: VpnDetail, events: readonly EventView[], now: number): string {
  return [
    printFields([
      ['Name', vpn.name],
      ['Fleet', vpn.fleet],
      ['State', vpn.state],
      ['Reason', vpn.reason],
      ['Message', vpn.message],
      ['Since', when(vpn.since, now)],
      ['Cure', vpn.cure],
      ['Public IP', vpn.publicIp],
      ['Forwarded port', vpn.forwardedPort],
      ['Port losses', `${vpn.portLosses} in the last hour`],
      ['Ready since', when(vpn.readySince, now)],
      ['Address', vpn.address],
      ['Cordoned', vpn.cordoned],
      ['Requests', requestsText(vpn.requests)],
      ['Engines', vpn.engineNames.join(', ')],
    ]),
    eventsSection(events, now),
  ].join('\n')
}
