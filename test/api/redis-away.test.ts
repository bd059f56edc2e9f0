import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { makeApi } from '../../src/api/api.ts'
import { rememberReads } from '../../src/api/remembered-reads.ts'
import { STORE_AGE_HEADER } from '../../src/api/store-age.ts'
import type { FleetView } from '../../src/api/view.ts'
import { type DataServer, openRedis } from '../../src/redis/data-server.ts'
import { openRedisStore } from '../../src/store/redis/store.ts'
import type { Store } from '../../src/store/store.ts'
import { makeLogger } from '../../src/telemetry/log.ts'
import { makeMetrics } from '../../src/telemetry/metrics.ts'
import { makeRecorder } from '../../src/telemetry/recorder.ts'
import { systemClock } from '../../src/time/clock.ts'
import { engine, JSON_TYPE, makeControl, status } from '../harness/api-fixture.ts'
import { type StartedRedis, startRedis } from '../harness/redis.ts'

vi.setConfig({ testTimeout: 60_000 })

const PATIENCE = { timeout: 30_000, interval: 50 }
const clock = systemClock

let redis: StartedRedis
const resources = new AsyncDisposableStack()

beforeAll(async () => {
  redis = resources.use(await startRedis({ password: 's3cret' }))
})

afterAll(() => resources.disposeAsync())

/** A replica's connection, store and API; it leads nothing. */
async function startReplica() {
  const data: DataServer = resources.use(openRedis({ url: redis.url, clock }))
  await data.connected(AbortSignal.timeout(PATIENCE.timeout))
  const store: Store = openRedisStore({ redis: data, instance: 'away', newId: () => 'i', clock })
  const to = { write: () => {} }
  const log = makeLogger({ level: 'error', pretty: false, colour: false, clock, to })
  const recorder = resources.use(makeRecorder({ store, log, clock }))
  const reads = rememberReads(store, clock)
  const metrics = makeMetrics({ version: '1', ofProcess: false })
  const control = makeControl({ mode: 'redis' })
  const closing = new AbortController().signal
  const gateway = undefined
  const app = makeApi({
    isApi: true,
    gateway,
    store,
    reads,
    metrics,
    recorder,
    control,
    clock,
    log,
    closing,
  })
  return { store, app }
}

type App = Awaited<ReturnType<typeof startReplica>>['app']

async function fleetOf(app: App): Promise<{ fleet: FleetView; age: string | null }> {
  const response = await app.request('/v1/fleets/home')
  const fleet = (await response.json()) as FleetView
  return { fleet, age: response.headers.get(STORE_AGE_HEADER) }
}

const typesOf = ({ conditions }: FleetView) => conditions.map(({ type }) => type)

describe('several replicas on one Redis', () => {
  test('a standby answers as the leader, also while Redis is away, and takes nothing down then', async () => {
    const leader = await startReplica()
    const standby = await startReplica()
    const epoch = await leader.store.openTerm('home', 'nas:1', 0, clock.now())
    const published = status('home', { epoch, leader: 'nas:1', engines: [engine('home.0')] })
    await leader.store.publish('home', epoch, published, [])

    const before = await fleetOf(standby.app)
    expect(before).toEqual(await fleetOf(leader.app))
    expect(before).toMatchObject({ age: null, fleet: { lastLeader: 'nas:1', lastEpoch: epoch } })

    await redis.kill()
    const away = await fleetOf(standby.app)
    expect(away.age).toMatch(/^\d+$/)
    expect(typesOf(away.fleet)).toEqual(['Ready', 'StoreUnavailable'])
    expect({ ...away.fleet, conditions: [] }).toEqual({ ...before.fleet, conditions: [] })

    const ready = await standby.app.request('/readyz')
    expect(ready.status).toBe(503)
    const text = await ready.text()
    expect(text).toContain(`Redis at redis://127.0.0.1:${redis.port}`)
    expect(text).not.toContain('s3cret')

    const request = { method: 'POST', headers: JSON_TYPE }
    const drain = await standby.app.request('/v1/fleets/home/delete', request)
    expect([drain.status, drain.headers.get('Retry-After')]).toEqual([503, '2'])

    await redis.restart()
    await vi.waitFor(async () => {
      expect((await standby.app.request('/readyz')).status).toBe(200)
    }, PATIENCE)
    // It has forgotten; what the leader publishes now is what counts, under the epoch that it has.
    await leader.store.publish('home', epoch, { ...published, ready: 1 }, [])
    const back = await fleetOf(standby.app)
    expect(back).toMatchObject({ age: null, fleet: { ready: 1 } })
    expect(typesOf(back.fleet)).toEqual(['Ready'])
  })
})
