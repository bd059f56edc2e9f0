import type {
  ConditionView,
  EngineView,
  EventView,
  FleetView,
  LiveReplicaView,
  VpnView,
} from '../api/view.ts'
import { ageOf, printSeconds } from './age.ts'
import type { Column } from './table.ts'

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no'
}

function countOf(some: number | null, all: number | null): string {
  return some === null || all === null ? '-' : `${some}/${all}`
}

function text(value: string | number | null): string {
  return value === null ? '' : String(value)
}

/** A fleet in a word or a few: what stands in its way, or that nothing does. */
export function fleetState(fleet: FleetView): string {
  if (fleet.observedAt === null) return 'Pending'
  const isReady = fleet.conditions.some((each) => each.type === 'Ready' && each.status === 'True')
  const others = fleet.conditions.filter((each) => each.type !== 'Ready').map((each) => each.type)
  return [isReady ? 'Ready' : 'NotReady', ...others].join(',')
}

/** How long the leader may act before it must have renewed: `4.1s`, `held` where leases never lapse. */
export function leaseText({ leader, leaseMs }: Pick<FleetView, 'leader' | 'leaseMs'>): string {
  if (leader === null) return ''
  return leaseMs === null ? 'held' : printSeconds(leaseMs)
}

export function fleetColumns(now: number): readonly Column<FleetView>[] {
  return [
    { title: 'NAME', cell: (fleet) => fleet.name },
    { title: 'READY', cell: (fleet) => countOf(fleet.ready, fleet.replicas) },
    { title: 'UPDATED', cell: (fleet) => countOf(fleet.updated, fleet.replicas) },
    { title: 'FORWARDED', cell: (fleet) => text(fleet.forwarded) },
    { title: 'STATUS', cell: fleetState },
    { title: 'LEADER', cell: (fleet) => fleet.leader ?? 'none' },
    { title: 'LEASE', cell: leaseText, ticks: true },
    { title: 'OBSERVED', cell: (fleet) => ageOf(fleet.observedAt, now), ticks: true },
    { title: 'GENERATION', cell: (fleet) => text(fleet.generation), align: 'right', wide: true },
    { title: 'EPOCH', cell: (fleet) => text(fleet.epoch), wide: true },
    { title: 'SOURCE', cell: (fleet) => text(fleet.source), wide: true },
  ]
}

export function engineColumns(now: number): readonly Column<EngineView>[] {
  return [
    { title: 'NAME', cell: (engine) => engine.name },
    { title: 'SLOT', cell: (engine) => engine.slot },
    { title: 'VPN', cell: (engine) => text(engine.vpn) },
    { title: 'PORT', cell: (engine) => text(engine.port) },
    { title: 'FORWARDED', cell: (engine) => yesNo(engine.forwarded) },
    { title: 'PHASE', cell: (engine) => engine.phase },
    { title: 'READY', cell: (engine) => yesNo(engine.ready) },
    { title: 'STREAMS', cell: (engine) => text(engine.streams ?? '?'), align: 'right' },
    { title: 'AGE', cell: (engine) => ageOf(engine.createdAt, now), ticks: true },
    { title: 'FLEET', cell: (engine) => engine.fleet, wide: true },
    { title: 'ADDRESS', cell: (engine) => text(engine.address), wide: true },
    { title: 'P2P', cell: (engine) => text(engine.p2pPort), wide: true },
    { title: 'UPDATED', cell: (engine) => yesNo(engine.updated), wide: true },
    { title: 'CONTAINER', cell: (engine) => text(engine.containerId).slice(0, 12), wide: true },
    { title: 'NOTE', cell: (engine) => engine.note, wide: true },
  ]
}

export function vpnColumns(now: number): readonly Column<VpnView>[] {
  return [
    { title: 'NAME', cell: (vpn) => vpn.name },
    { title: 'FLEET', cell: (vpn) => vpn.fleet },
    { title: 'STATE', cell: (vpn) => vpn.state },
    { title: 'PUBLIC IP', cell: (vpn) => text(vpn.publicIp) },
    { title: 'FORWARDED PORT', cell: (vpn) => text(vpn.forwardedPort) },
    { title: 'ENGINES', cell: (vpn) => text(vpn.engines), align: 'right' },
    { title: 'CORDONED', cell: (vpn) => yesNo(vpn.cordoned) },
    { title: 'SINCE', cell: (vpn) => ageOf(vpn.since, now), ticks: true },
    { title: 'PORT LOSSES', cell: (vpn) => text(vpn.portLosses), align: 'right', wide: true },
    { title: 'ADDRESS', cell: (vpn) => text(vpn.address), wide: true },
    { title: 'REASON', cell: (vpn) => vpn.reason, wide: true },
  ]
}

function eventAge(event: EventView, now: number): string {
  const last = ageOf(event.at, now)
  return event.count > 1 ? `${last} (x${event.count} over ${ageOf(event.firstAt, now)})` : last
}

function eventObject(event: EventView): string {
  const name = event.slot === undefined ? event.fleet : `${event.fleet}.${event.slot}`
  return event.vpn === undefined ? name : `${name} @${event.vpn}`
}

export function eventColumns(now: number): readonly Column<EventView>[] {
  return [
    { title: 'LAST SEEN', cell: (event) => eventAge(event, now), ticks: true },
    { title: 'TYPE', cell: (event) => event.type },
    { title: 'REASON', cell: (event) => event.reason },
    { title: 'OBJECT', cell: eventObject },
    { title: 'SEQUENCE', cell: (event) => text(event.sequence), align: 'right', wide: true },
    { title: 'EPOCH', cell: (event) => text(event.epoch ?? null), wide: true },
    { title: 'RECONCILE', cell: (event) => event.reconcileId ?? '', wide: true },
    { title: 'CONTAINER', cell: (event) => event.containerId?.slice(0, 12) ?? '', wide: true },
    { title: 'MESSAGE', cell: (event) => event.message },
  ]
}

export function conditionColumns(now: number): readonly Column<ConditionView>[] {
  return [
    { title: 'TYPE', cell: (condition) => condition.type },
    { title: 'STATUS', cell: (condition) => condition.status },
    { title: 'REASON', cell: (condition) => condition.reason },
    { title: 'SINCE', cell: (condition) => ageOf(condition.since, now), ticks: true },
    { title: 'MESSAGE', cell: (condition) => condition.message },
  ]
}

/** Hashes are told apart by this much of them, as the conditions' messages have it. */
const SHORT_HASH = 8

export function shortHash(hash: string): string {
  return hash.slice(0, SHORT_HASH)
}

export function replicaColumns(now: number): readonly Column<LiveReplicaView>[] {
  return [
    { title: 'NAME', cell: (replica) => replica.holder },
    { title: 'LEADS', cell: (replica) => yesNo(replica.leads) },
    { title: 'DECLARES', cell: ({ declares }) => shortHash(declares?.hash ?? '') },
    { title: 'IN', cell: ({ declares }) => text(declares?.source ?? null) },
    { title: 'HEARD', cell: (replica) => `${printSeconds(replica.agoMs)} ago`, ticks: true },
    { title: 'AGE', cell: (replica) => ageOf(replica.startedAt, now), ticks: true },
  ]
}
