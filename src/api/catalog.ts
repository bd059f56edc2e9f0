import type { AcceptedSpec, Store } from '../store/store.ts'
import type { EngineStatus, FleetStatus, VpnStatus } from '../telemetry/status.ts'
import { Problem, unknownName } from './problem.ts'

/** An engine or VPN node together with the fleet it belongs to. */
export interface OfFleet<T> {
  readonly fleet: string
  readonly item: T
}

/** All fleets as the store knows them at one moment: a standby can serve it as well as the leader. */
export interface Catalog {
  readonly fleets: readonly string[]
  readonly statuses: ReadonlyMap<string, FleetStatus>
  readonly specs: ReadonlyMap<string, AcceptedSpec>
  readonly engines: readonly OfFleet<EngineStatus>[]
  readonly vpns: readonly OfFleet<VpnStatus>[]
}

/** Slots in the order in which people count: 2 before 10. */
const byName = new Intl.Collator('en', { numeric: true })

function flatten<T extends { readonly name: string }>(
  statuses: readonly FleetStatus[],
  pick: (status: FleetStatus) => readonly T[],
): OfFleet<T>[] {
  return statuses
    .flatMap((status) => pick(status).map((item) => ({ fleet: status.fleet, item })))
    .toSorted(
      (a, b) => byName.compare(a.fleet, b.fleet) || byName.compare(a.item.name, b.item.name),
    )
}

/** Reads the catalogue. */
export async function readCatalog(
  store: Pick<Store, 'statuses' | 'acceptedSpecs'>,
): Promise<Catalog> {
  const [statuses, specs] = await Promise.all([store.statuses(), store.acceptedSpecs()])
  const names = new Set([...statuses, ...specs].map((each) => each.fleet))
  return {
    fleets: [...names].toSorted(byName.compare),
    statuses: new Map(statuses.map((status) => [status.fleet, status])),
    specs: new Map(specs.map((spec) => [spec.fleet, spec])),
    engines: flatten(statuses, (status) => status.engines),
    vpns: flatten(statuses, (status) => status.vpns),
  }
}

/** @throws {Problem} 404 that lists the fleets there are. */
export function requireFleet(catalog: Catalog, name: string): void {
  if (!catalog.fleets.includes(name)) throw unknownName('fleet', name, catalog.fleets)
}

function onlyOne<T extends { readonly name: string }>(
  kind: string,
  all: readonly OfFleet<T>[],
  name: string,
  fleet: string | undefined,
): OfFleet<T> {
  const named = all.filter((each) => each.item.name === name)
  const found = named.filter((each) => fleet === undefined || each.fleet === fleet)
  const [first] = found
  if (first === undefined) {
    throw unknownName(
      kind,
      name,
      all.map((each) => each.item.name),
    )
  }
  if (found.length > 1) {
    // A node that moved to another fleet stays in the old one's last status until that is written anew.
    const fleets = found.map((each) => each.fleet).join(', ')
    throw new Problem(409, `${kind} "${name}" is in several fleets (${fleets}): add ?fleet=NAME`)
  }
  return first
}

/** @throws {Problem} 404 that lists the engines there are. */
export function requireEngine(
  catalog: Catalog,
  name: string,
  fleet?: string,
): OfFleet<EngineStatus> {
  return onlyOne('engine', catalog.engines, name, fleet)
}

/** @throws {Problem} 404 that lists the VPN nodes there are. */
export function requireVpn(catalog: Catalog, name: string, fleet?: string): OfFleet<VpnStatus> {
  return onlyOne('VPN node', catalog.vpns, name, fleet)
}
