import { makeApi } from '../../src/api/api.ts'
import type { Controller } from '../../src/api/controller.ts'
import { type RememberedReads, rememberReads } from '../../src/api/remembered-reads.ts'
import type { ContainerId } from '../../src/docker/port.ts'
import { openEmbeddedStore } from '../../src/store/embedded/open.ts'
import type { Store } from '../../src/store/store.ts'
import { makeLogger } from '../../src/telemetry/log.ts'
import { type Metrics, makeMetrics } from '../../src/telemetry/metrics.ts'
import { makeRecorder, type Recorder } from '../../src/telemetry/recorder.ts'
import type { EngineStatus, FleetStatus, VpnStatus } from '../../src/telemetry/status.ts'
import { makeVirtualClock, type VirtualClock } from '../sim/virtual-clock.ts'

/** What the command line sends with a change. */
export const JSON_TYPE = { 'Content-Type': 'application/json' }

/** A container id of one letter. */
export function id(letter: string): ContainerId {
  return letter.repeat(64) as ContainerId
}

/** The status of a healthy engine. */
export function engine(name: string, more: Partial<EngineStatus> = {}): EngineStatus {
  return {
    name,
    slot: name.split('.').slice(1).join('.'),
    containerId: id('a'),
    vpn: 'gluetun-a',
    address: '172.17.0.2',
    port: 19_001,
    p2pPort: undefined,
    forwarded: false,
    phase: 'Running',
    ready: true,
    streams: 0,
    createdAt: Date.UTC(2026, 0, 1),
    specHash: 'h',
    updated: true,
    dead: false,
    note: '',
    ...more,
  }
}

/** The status of a healthy VPN node. */
export function vpn(name: string, more: Partial<VpnStatus> = {}): VpnStatus {
  return {
    name,
    state: 'up',
    reason: 'Running',
    message: 'running',
    address: '172.17.0.2',
    publicIp: '198.51.100.7',
    forwardedPort: 45_000,
    portLosses: 0,
    readySince: Date.UTC(2026, 0, 1),
    engines: 1,
    cordoned: false,
    since: Date.UTC(2026, 0, 1),
    ...more,
  }
}

/** The status of a converged fleet. */
export function status(fleet: string, more: Partial<FleetStatus> = {}): FleetStatus {
  return {
    fleet,
    generation: 1,
    specHash: 'h',
    epoch: 1,
    leader: 'host/1',
    observedAt: Date.UTC(2026, 0, 1),
    replicas: 2,
    ready: 2,
    updated: 2,
    forwarded: `${fleet}.forwarded`,
    forwarding: [],
    conditions: [
      { type: 'Ready', status: 'True', reason: 'AllReady', message: 'all ready', since: 1_000 },
    ],
    engines: [],
    vpns: [],
    ...more,
  }
}

/** An API over an empty embedded store in memory and a controller that does nothing. */
export interface ApiFixture extends AsyncDisposable {
  readonly clock: VirtualClock
  readonly store: Store
  /** Remembers what the API was asked for, and what a test has it follow. */
  readonly reads: RememberedReads
  readonly metrics: Metrics
  readonly recorder: Recorder
  /** Fleets, as they were woken. */
  readonly woken: string[]
  readonly control: { -readonly [K in keyof Controller]: Controller[K] }
  readonly closing: AbortController
  readonly app: ReturnType<typeof makeApi>
  publish(fleetStatus: FleetStatus): Promise<void>
  /** A fleet `demo` of three engines and two nodes. */
  publishDemo(): Promise<void>
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  post(path: string, headers?: Record<string, string>, body?: string): Promise<Answer>
  requestsOf(fleet: string): Promise<readonly unknown[]>
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: ReturnType<typeof JSON.parse>
}

async function answerOf(response: Response): Promise<Answer> {
  const { status: code, headers } = response
  return { status: code, headers, body: JSON.parse(await response.text()) }
}

/** Loops that do nothing and have nothing to tell. */
export function makeControl(more: Partial<Controller> = {}): Controller {
  return {
    mode: 'embedded',
    leadership: () => undefined,
    replicas: () => [],
    wake: () => {},
    plan: async () => undefined,
    declaredIn: () => undefined,
    readiness: () => ({ ready: true, reasons: [] }),
    trouble: () => undefined,
    ...more,
  }
}

export async function makeApiFixture(): Promise<ApiFixture> {
  const clock = makeVirtualClock()
  const store = await openEmbeddedStore({ dir: ':memory:', clock, newId: () => 'incarnation' })
  const to = { write: () => {} }
  const log = makeLogger({ level: 'error', pretty: false, colour: false, clock, to })
  const recorder = makeRecorder({ store, log, clock })
  const woken: string[] = []
  const control: ApiFixture['control'] = makeControl({ wake: (fleet) => woken.push(fleet) })
  const closing = new AbortController()
  const reads = rememberReads(store, clock)
  const metrics = makeMetrics({ version: '1.2.3', ofProcess: false })
  const app = makeApi({
    ...{ store, reads, metrics, recorder, control, clock, log },
    gateway: undefined,
    isApi: true,
    closing: closing.signal,
  })

  async function publish(fleetStatus: FleetStatus): Promise<void> {
    const epoch = await store.openTerm(fleetStatus.fleet, 'host/1', 0, clock.now())
    await store.publish(fleetStatus.fleet, epoch, fleetStatus, [])
  }
  const demo = status('demo', {
    engines: [
      engine('demo.10', { containerId: id('c'), streams: 'unknown' }),
      engine('demo.2', { containerId: id('b') }),
      engine('demo.3', { containerId: undefined, phase: 'Pending', ready: false }),
    ],
    vpns: [vpn('gluetun-a'), vpn('gluetun-b', { cordoned: true, publicIp: undefined })],
  })

  return {
    clock,
    store,
    reads,
    metrics,
    recorder,
    woken,
    control,
    closing,
    app,
    publish,
    publishDemo: () => publish(demo),
    get: async (path, headers = {}) => answerOf(await app.request(path, { headers })),
    post: async (path, headers = JSON_TYPE, body) =>
      answerOf(await app.request(path, { method: 'POST', headers, body: body ?? null })),
    requestsOf: async (fleet) => (await store.readFleet(fleet, clock.now())).requests,
    [Symbol.asyncDispose]: async () => {
      closing.abort()
      await recorder[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}
