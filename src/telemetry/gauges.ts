import { Gauge, type Registry } from 'prom-client'
import type { GatewayStanding } from '../gateway/gateway.ts'
import { PHASES } from '../lifecycle/phase.ts'
import type { Condition, FleetStatus, VpnStatus } from './status.ts'

/** Who leads a fleet, as this process knows. */
export interface MeasuredLeader {
  readonly holder: string
  readonly epoch: number
  /** Null where leases never lapse. */
  readonly leaseMs: number | null
  readonly isSelf: boolean
}

/** A fleet as it stands at a scrape. */
export interface MeasuredFleet {
  readonly name: string
  /** As the leader published it last; undefined before the first one. */
  readonly status: FleetStatus | undefined
  readonly leader: MeasuredLeader | undefined
  /** Those of this process included. */
  readonly conditions: readonly Pick<Condition, 'type' | 'status'>[]
}

/** All that stands at a scrape. */
export interface Measures {
  readonly mode: string
  readonly ready: boolean
  /** How old what the store told is, ms; undefined where it tells nothing at all. */
  readonly storeAgeMs: number | undefined
  readonly storeUp: boolean
  /** Controller processes that live. */
  readonly replicas: number
  readonly fleets: readonly MeasuredFleet[]
  /** Undefined where this process serves no streams. */
  readonly gateway: GatewayStanding | undefined
}

type Labels = Readonly<Record<string, string>>
type Row = readonly [Labels, number]

/** The registry with a way to add one gauge and its rows. */
type Add = (name: string, help: string, labelNames: readonly string[], rows: readonly Row[]) => void

/** A record, so that none can be forgotten. */
const VPN_STATES: Readonly<Record<VpnStatus['state'], number>> = {
  ...{ up: 0, degraded: 0, down: 0, unknown: 0 },
}

function addLeadership(add: Add, fleets: readonly MeasuredFleet[]): void {
  add(
    'acefleet_fleet_leader',
    'Who leads the fleet, as this process knows; no series while nobody does.',
    ['fleet', 'holder'],
    fleets.flatMap(({ name, leader }): Row[] =>
      leader === undefined ? [] : [[{ fleet: name, holder: leader.holder }, 1]],
    ),
  )
  add(
    'acefleet_lease_held',
    'Whether this process leads the fleet. Over all replicas the sum is 1, or 0 for moments.',
    ['fleet'],
    fleets.map(({ name, leader }) => [{ fleet: name }, Number(leader?.isSelf ?? false)]),
  )
  add(
    'acefleet_lease_remaining_seconds',
    "Until the leader's lease lapses unless renewed; 0 while nobody leads. No series where leases never lapse.",
    ['fleet'],
    fleets.flatMap(({ name, leader }): Row[] =>
      leader?.leaseMs === null ? [] : [[{ fleet: name }, (leader?.leaseMs ?? 0) / 1_000]],
    ),
  )
  add(
    'acefleet_epoch',
    "Number of the present leader's term, or of the last one's while nobody leads. It only grows.",
    ['fleet'],
    fleets.flatMap(({ name, leader, status }): Row[] => {
      const epoch = leader?.epoch ?? status?.epoch
      return epoch === undefined ? [] : [[{ fleet: name }, epoch]]
    }),
  )
}

function addConditions(add: Add, fleets: readonly MeasuredFleet[]): void {
  add(
    'acefleet_fleet_condition',
    'Conditions that stand (1). Ready is there as 0 too while it is False.',
    ['fleet', 'condition'],
    fleets.flatMap(({ name, conditions }) =>
      conditions.map(
        ({ type, status }): Row => [{ fleet: name, condition: type }, Number(status === 'True')],
      ),
    ),
  )
  add(
    'acefleet_spec_mismatch',
    "Whether a replica's files say something else than the generation that rules.",
    ['fleet'],
    fleets.map(({ name, conditions }) => [
      { fleet: name },
      Number(conditions.some(({ type }) => type === 'SpecMismatch')),
    ]),
  )
}

type Published = readonly (readonly [string, FleetStatus])[]

function addEngines(add: Add, published: Published): void {
  const perFleet = (name: string, help: string, value: (status: FleetStatus) => number) =>
    add(
      name,
      help,
      ['fleet'],
      published.map(([fleet, status]) => [{ fleet }, value(status)]),
    )
  perFleet('acefleet_fleet_generation', 'The accepted generation that rules.', (s) => s.generation)
  perFleet(
    'acefleet_fleet_observed_timestamp_seconds',
    'When the leader looked at what it published last. It is published anew every 30 s at least.',
    (s) => s.observedAt / 1_000,
  )
  perFleet('acefleet_engines_wanted', 'Engines that the spec wants.', (s) => s.replicas)
  perFleet('acefleet_engines_ready', 'Engines that answer.', (s) => s.ready)
  perFleet('acefleet_engines_updated', 'Engines of the present spec.', (s) => s.updated)
  perFleet(
    'acefleet_engines_forwarded',
    'Forwarded engines that answer.',
    (s) => s.engines.filter((engine) => engine.forwarded && engine.ready).length,
  )
  add(
    'acefleet_engines',
    'Engines by phase.',
    ['fleet', 'phase'],
    published.flatMap(([fleet, { engines }]) =>
      PHASES.map((phase): Row => {
        const count = engines.filter((engine) => engine.phase === phase).length
        return [{ fleet, phase }, count]
      }),
    ),
  )
}

function addVpns(add: Add, published: Published): void {
  const vpns = published.flatMap(([fleet, status]) => status.vpns.map((vpn) => ({ fleet, vpn })))
  const perVpn = (name: string, help: string, value: (vpn: VpnStatus) => number) =>
    add(
      name,
      help,
      ['fleet', 'vpn'],
      vpns.map(({ fleet, vpn }) => [{ fleet, vpn: vpn.name }, value(vpn)]),
    )
  add(
    'acefleet_vpn_state',
    'Which state a VPN node is judged to be in (1).',
    ['fleet', 'vpn', 'state'],
    vpns.flatMap(({ fleet, vpn }) =>
      Object.entries({ ...VPN_STATES, [vpn.state]: 1 }).map(
        ([state, value]): Row => [{ fleet, vpn: vpn.name, state }, value],
      ),
    ),
  )
  perVpn('acefleet_vpn_engines', 'Engines on a VPN node that are not dead.', (vpn) => vpn.engines)
  perVpn(
    'acefleet_vpn_forwarded_port',
    'The forwarded port that a VPN node was granted; 0 for none.',
    (vpn) => vpn.forwardedPort ?? 0,
  )
  perVpn('acefleet_vpn_cordoned', 'Whether a VPN node takes no new engines.', (vpn) =>
    Number(vpn.cordoned),
  )
}

/** Adds everything that is read when it is asked for, rather than counted as it happens. */
export function addGauges(registry: Registry, version: string, measures: Measures): void {
  const { mode, ready, storeUp, storeAgeMs, replicas, fleets } = measures
  const add: Add = (name, help, labelNames, rows) => {
    const gauge = new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] })
    for (const [labels, value] of rows) gauge.set({ ...labels }, value)
  }
  const single = (name: string, help: string, value: number) => add(name, help, [], [[{}, value]])

  add(
    'acefleet_build_info',
    'Which acefleet this is, and where its store is.',
    ['version', 'mode'],
    [[{ version, mode }, 1]],
  )
  single('acefleet_ready', 'Whether /readyz says that this process is ready.', Number(ready))
  single('acefleet_store_up', 'Whether the store answers this process.', Number(storeUp))
  if (storeAgeMs !== undefined)
    single(
      'acefleet_store_age_seconds',
      'How old what is told here of fleets is, because the store is away; 0 while it answers.',
      storeAgeMs / 1_000,
    )
  single('acefleet_replicas', 'Controller processes that live, this one included.', replicas)
  addLeadership(add, fleets)
  addConditions(add, fleets)
  const published = fleets.flatMap(({ name, status }) =>
    status === undefined ? [] : [[name, status] as const],
  )
  addEngines(add, published)
  addVpns(add, published)
}
