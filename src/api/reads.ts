import { Hono } from 'hono'
import type { Store } from '../store/store.ts'
import { type Catalog, readCatalog, requireEngine, requireFleet, requireVpn } from './catalog.ts'
import type { Controller } from './controller.ts'
import { Problem } from './problem.ts'
import { fleetQuery, noQuery, readQuery } from './query.ts'
import {
  type EngineDetail,
  engineView,
  type FleetDetail,
  fleetView,
  markView,
  type StreamView,
  streamView,
  type VpnDetail,
  vpnView,
} from './view.ts'

/** How long a plan may take: a list and a round of probes, on a slow daemon. */
const PLAN_TIMEOUT_MS = 30_000

export interface ReadParts {
  readonly store: Pick<Store, 'statuses' | 'acceptedSpecs' | 'readFleet'>
  readonly control: Pick<Controller, 'plan' | 'trouble'>
  readonly now: () => number
}

async function fleetDetail({ store, now, control }: ReadParts, catalog: Catalog, name: string) {
  const spec = catalog.specs.get(name)
  const memory = await store.readFleet(name, now())
  const detail: FleetDetail = {
    ...fleetView(name, catalog.statuses.get(name), spec, control.trouble(name)),
    spec: spec?.document ?? null,
    requests: memory.requests,
    engines: catalog.engines
      .filter((each) => each.fleet === name)
      .map((each) => engineView(name, each.item)),
    vpns: catalog.vpns
      .filter((each) => each.fleet === name)
      .map((each) => vpnView(name, each.item)),
  }
  return detail
}

async function engineDetail(
  { store, now }: ReadParts,
  catalog: Catalog,
  name: string,
  of?: string,
) {
  const { fleet, item } = requireEngine(catalog, name, of)
  const memory = await store.readFleet(fleet, now())
  const mark = item.containerId === undefined ? undefined : memory.marks.get(item.containerId)
  const detail: EngineDetail = {
    ...engineView(fleet, item),
    mark: mark === undefined ? null : markView(mark),
  }
  return detail
}

async function vpnDetail({ store, now }: ReadParts, catalog: Catalog, name: string, of?: string) {
  const { fleet, item } = requireVpn(catalog, name, of)
  const memory = await store.readFleet(fleet, now())
  const detail: VpnDetail = {
    ...vpnView(fleet, item),
    requests: memory.requests.filter((request) => 'node' in request && request.node === name),
    engineNames: catalog.engines
      .filter((each) => each.fleet === fleet && each.item.vpn === name)
      .map((each) => each.item.name),
  }
  return detail
}

async function streamViews({ store, now }: ReadParts, catalog: Catalog, fleets: readonly string[]) {
  const at = now()
  const memories = await Promise.all(fleets.map((fleet) => store.readFleet(fleet, at)))
  const loads = new Map(memories.flatMap((memory) => [...memory.streams]))
  return catalog.engines.flatMap(({ fleet, item }): StreamView[] => {
    const load = item.containerId === undefined ? undefined : loads.get(item.containerId)
    if (load === undefined || load.active + load.pending === 0) return []
    return fleets.includes(fleet) ? [streamView(fleet, item, load)] : []
  })
}

async function planOf({ control }: ReadParts, name: string, client: AbortSignal) {
  const signal = AbortSignal.any([client, AbortSignal.timeout(PLAN_TIMEOUT_MS)])
  const preview = await control.plan(name, signal)
  if (preview === undefined) {
    throw new Problem(503, `this server does not look after fleet "${name}": ask its leader`)
  }
  return preview
}

/** The `/v1` reads but events. All but the plan come from the store alone. */
export function makeReads(parts: ReadParts): Hono {
  const app = new Hono()
  /** The catalogue, and which of its fleets the query wants. */
  async function wanted(fleet: string | undefined) {
    const catalog = await readCatalog(parts.store)
    if (fleet !== undefined) requireFleet(catalog, fleet)
    return { catalog, fleets: fleet === undefined ? catalog.fleets : [fleet] }
  }

  app.get('/fleets', async (c) => {
    readQuery(c, noQuery)
    const { catalog } = await wanted(undefined)
    const items = catalog.fleets.map((name) =>
      fleetView(
        name,
        catalog.statuses.get(name),
        catalog.specs.get(name),
        parts.control.trouble(name),
      ),
    )
    return c.json({ items })
  })
  app.get('/fleets/:name', async (c) => {
    readQuery(c, noQuery)
    const name = c.req.param('name')
    const { catalog } = await wanted(name)
    return c.json(await fleetDetail(parts, catalog, name))
  })
  app.get('/fleets/:name/plan', async (c) => {
    readQuery(c, noQuery)
    const name = c.req.param('name')
    await wanted(name)
    return c.json(await planOf(parts, name, c.req.raw.signal))
  })
  app.get('/engines', async (c) => {
    const { catalog, fleets } = await wanted(readQuery(c, fleetQuery).fleet)
    const engines = catalog.engines.filter((each) => fleets.includes(each.fleet))
    return c.json({ items: engines.map((each) => engineView(each.fleet, each.item)) })
  })
  app.get('/engines/:name', async (c) => {
    const { fleet } = readQuery(c, fleetQuery)
    const { catalog } = await wanted(fleet)
    return c.json(await engineDetail(parts, catalog, c.req.param('name'), fleet))
  })
  app.get('/vpns', async (c) => {
    const { catalog, fleets } = await wanted(readQuery(c, fleetQuery).fleet)
    const vpns = catalog.vpns.filter((each) => fleets.includes(each.fleet))
    return c.json({ items: vpns.map((each) => vpnView(each.fleet, each.item)) })
  })
  app.get('/vpns/:name', async (c) => {
    const { fleet } = readQuery(c, fleetQuery)
    const { catalog } = await wanted(fleet)
    return c.json(await vpnDetail(parts, catalog, c.req.param('name'), fleet))
  })
  app.get('/streams', async (c) => {
    const { catalog, fleets } = await wanted(readQuery(c, fleetQuery).fleet)
    return c.json({ items: await streamViews(parts, catalog, fleets) })
  })
  return app
}
