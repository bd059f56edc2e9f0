import { type Context, Hono } from 'hono'
import { type Catalog, readCatalog, requireEngine, requireFleet, requireVpn } from './catalog.ts'
import type { Controller } from './controller.ts'
import { fleetView, liveReplicaView } from './fleet-view.ts'
import { forwardedChoiceView } from './forwarding-view.ts'
import { p2pView } from './p2p-view.ts'
import { Problem } from './problem.ts'
import { fleetQuery, noQuery, readQuery } from './query.ts'
import type { Reading, RememberedReads } from './remembered-reads.ts'
import { tellAge } from './store-age.ts'
import { type StreamView, streamViews } from './stream-view.ts'
import {
  type EngineDetail,
  engineView,
  type FleetDetail,
  type FleetView,
  markView,
  type VpnDetail,
  vpnView,
} from './view.ts'

/** How long a plan may take: a list and a round of probes, on a slow daemon. */
const PLAN_TIMEOUT_MS = 30_000

export interface ReadParts {
  readonly reads: RememberedReads
  readonly control: Pick<Controller, 'plan' | 'trouble' | 'leadership' | 'replicas'>
  readonly now: () => number
}

/** What one request is answered from. */
interface Question {
  readonly reading: Reading
  readonly catalog: Catalog
  readonly now: () => number
  readonly control: ReadParts['control']
}

function fleetOf({ reading, catalog, control }: Question, name: string): FleetView {
  return fleetView({
    name,
    status: catalog.statuses.get(name),
    spec: catalog.specs.get(name),
    leadership: control.leadership(name),
    trouble: control.trouble(name),
    staleness: reading.staleness(),
  })
}

async function fleetDetail(question: Question, name: string): Promise<FleetDetail> {
  const { reading, catalog, control, now } = question
  const memory = await reading.readFleet(name, now())
  return {
    ...fleetOf(question, name),
    spec: catalog.specs.get(name)?.document ?? null,
    liveReplicas: control.replicas().map((replica) => liveReplicaView(name, replica)),
    requests: memory.requests,
    engines: catalog.engines
      .filter((each) => each.fleet === name)
      .map((each) => engineView(name, each.item)),
    vpns: catalog.vpns
      .filter((each) => each.fleet === name)
      .map((each) => vpnView(name, each.item)),
    p2p: p2pView(catalog.statuses.get(name)?.engines ?? [], memory.streams),
    forwarding: (catalog.statuses.get(name)?.forwarding ?? []).map(forwardedChoiceView),
  }
}

async function engineDetail({ reading, catalog, now }: Question, name: string, of?: string) {
  const { fleet, item } = requireEngine(catalog, name, of)
  const at = now()
  const [memory, sessions] = await Promise.all([
    reading.readFleet(fleet, at),
    reading.sessions(fleet, at),
  ])
  const streams = streamViews(fleet, sessions, catalog.engines)
  const mark = item.containerId === undefined ? undefined : memory.marks.get(item.containerId)
  const choices = item.forwarded ? (catalog.statuses.get(fleet)?.forwarding ?? []) : []
  const choice = choices.find((each) => each.slot === item.slot)
  const detail: EngineDetail = {
    ...engineView(fleet, item),
    forwarding: choice === undefined ? null : forwardedChoiceView(choice),
    mark: mark === undefined ? null : markView(mark),
    sessions: streams.filter(({ containerId }) => containerId === item.containerId),
  }
  return detail
}

async function vpnDetail({ reading, catalog, now }: Question, name: string, of?: string) {
  const { fleet, item } = requireVpn(catalog, name, of)
  const memory = await reading.readFleet(fleet, now())
  const detail: VpnDetail = {
    ...vpnView(fleet, item),
    requests: memory.requests.filter((request) => 'node' in request && request.node === name),
    engineNames: catalog.engines
      .filter((each) => each.fleet === fleet && each.item.vpn === name)
      .map((each) => each.item.name),
  }
  return detail
}

async function streamsOf(
  { reading, catalog, now }: Question,
  fleets: readonly string[],
): Promise<readonly StreamView[]> {
  const at = now()
  const sessions = await Promise.all(fleets.map((fleet) => reading.sessions(fleet, at)))
  return fleets.flatMap((fleet, n) => streamViews(fleet, sessions[n] ?? [], catalog.engines))
}

async function planOf(control: ReadParts['control'], name: string, client: AbortSignal) {
  const signal = AbortSignal.any([client, AbortSignal.timeout(PLAN_TIMEOUT_MS)])
  const preview = await control.plan(name, signal)
  if (preview === undefined) {
    throw new Problem(503, `this server does not look after fleet "${name}": ask its leader`)
  }
  return preview
}

/** The `/v1` reads but events. All but the plan come from the store alone, so that a standby answers as the leader does. */
export function makeReads({ reads, control, now }: ReadParts): Hono {
  const app = new Hono()

  /** Answers a request about one fleet or all, and says how old the answer is where it is not the store's own. */
  async function answer(
    c: Context,
    fleet: string | undefined,
    make: (question: Question, fleets: readonly string[]) => unknown,
  ): Promise<Response> {
    const reading = reads.begin()
    const catalog = await readCatalog(reading)
    if (fleet !== undefined) requireFleet(catalog, fleet)
    const fleets = fleet === undefined ? catalog.fleets : [fleet]
    const body = await make({ reading, catalog, now, control }, fleets)
    tellAge(c, reading)
    return c.json(body)
  }

  app.get('/fleets', (c) => {
    readQuery(c, noQuery)
    return answer(c, undefined, (question, fleets) => ({
      items: fleets.map((name) => fleetOf(question, name)),
    }))
  })
  app.get('/fleets/:name', (c) => {
    readQuery(c, noQuery)
    const name = c.req.param('name')
    return answer(c, name, (question) => fleetDetail(question, name))
  })
  app.get('/fleets/:name/plan', (c) => {
    readQuery(c, noQuery)
    const name = c.req.param('name')
    return answer(c, name, () => planOf(control, name, c.req.raw.signal))
  })
  app.get('/engines', (c) =>
    answer(c, readQuery(c, fleetQuery).fleet, ({ catalog }, fleets) => ({
      items: catalog.engines
        .filter((each) => fleets.includes(each.fleet))
        .map((each) => engineView(each.fleet, each.item)),
    })),
  )
  app.get('/engines/:name', (c) => {
    const { fleet } = readQuery(c, fleetQuery)
    return answer(c, fleet, (question) => engineDetail(question, c.req.param('name'), fleet))
  })
  app.get('/vpns', (c) =>
    answer(c, readQuery(c, fleetQuery).fleet, ({ catalog }, fleets) => ({
      items: catalog.vpns
        .filter((each) => fleets.includes(each.fleet))
        .map((each) => vpnView(each.fleet, each.item)),
    })),
  )
  app.get('/vpns/:name', (c) => {
    const { fleet } = readQuery(c, fleetQuery)
    return answer(c, fleet, (question) => vpnDetail(question, c.req.param('name'), fleet))
  })
  app.get('/streams', (c) =>
    answer(c, readQuery(c, fleetQuery).fleet, async (question, fleets) => ({
      items: await streamsOf(question, fleets),
    })),
  )
  return app
}
