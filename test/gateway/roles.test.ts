import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ContainerId } from '../../src/docker/port.ts'
import { openRedis } from '../../src/redis/data-server.ts'
import { openRedisStore } from '../../src/store/redis/store.ts'
import { systemClock } from '../../src/time/clock.ts'
import { endpoint, FLEET, fleetStatus } from '../conformance/store/sample.ts'
import { launchAcefleet } from '../harness/acefleet-process.ts'
import { checkStream } from '../harness/check-stream.ts'
import { engineInProcess, readBytes } from '../harness/engine-in-process.ts'
import { startRedis } from '../harness/redis.ts'
import { fetchText, hashOf, open, until } from './gateway-rig.ts'

const STREAM = `/ace/getstream?id=${hashOf('a')}`

/** What a controller elsewhere has published: one engine, which is a stand-in in this process. */
async function makeFleet(instance: string) {
  await using resources = new AsyncDisposableStack()
  const clock = systemClock
  const server = resources.use(await startRedis())
  const engine = resources.use(await engineInProcess())
  const redis = resources.use(openRedis({ url: server.url, clock }))
  await redis.connected(AbortSignal.timeout(30_000))
  const store = resources.use(openRedisStore({ redis, instance, newId: () => 'born', clock }))
  const epoch = await store.openTerm(FLEET, 'elsewhere:1', 0, Date.now())
  const [host, port] = ['127.0.0.1', Number(new URL(engine.url).port)]
  const containerId = 'e'.repeat(64) as ContainerId
  await store.publish(FLEET, epoch, fleetStatus(epoch), [
    endpoint(epoch, { containerId, host, port, ready: true, maxStreams: 1 }),
  ])
  const owned = resources.move()
  return { url: server.url, store, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

test('a process serves what its roles say, on the store of controllers elsewhere', async () => {
  const instance = 'roles'
  await using fleet = await makeFleet(instance)
  await using resources = new AsyncDisposableStack()
  const dir = mkdtempSync(join(tmpdir(), 'acefleet-roles-'))
  resources.defer(() => rm(dir, { recursive: true, force: true }))
  const launch = async (role: string) => {
    // A daemon that is not there: nobody without the controller's role may ask for it.
    const flags = ['--role', role, '--redis', fleet.url, '--instance', instance]
    const docker = ['--docker', 'unix:///nowhere/docker.sock']
    const process = await launchAcefleet({
      flags: [...flags, ...docker],
      logFile: join(dir, `${role}.log`),
    })
    resources.defer(async () => void (await process.end()))
    return process.url
  }
  const [gateway, api] = await Promise.all([launch('gateway'), launch('api')])

  await until('both are ready', async () => {
    const answers = await Promise.all([gateway, api].map((url) => fetchText(`${url}/readyz`)))
    return answers.every(({ status }) => status === 200)
  })
  const hidden = await fetchText(`${gateway}/v1/fleets`)
  expect(hidden.status).toBe(404)
  expect(hidden.body).toContain('GET /readyz')
  const refused = await fetchText(api + STREAM)
  expect(refused.status).toBe(404)
  expect(refused.body).toContain('serves no streams')
  expect((await fetchText(`${api}/metrics`)).body).not.toMatch(/^acefleet_viewers /m)

  // The store was just born: until it is settled nobody is given an engine.
  await until('it is given an engine', async () => {
    const viewer = await open(gateway + STREAM)
    if (viewer.statusCode !== 200) {
      expect(viewer.headers['retry-after']).toMatch(/^\d+$/)
      viewer.destroy()
      return false
    }
    expect(checkStream(await readBytes(viewer, 300_000)).problems).toEqual([])
    const { body } = await fetchText(`${gateway}/metrics`)
    expect(body).toMatch(/^acefleet_viewers 1$/m)
    expect(body).toContain(`acefleet_stream_claims_total{fleet="${FLEET}",outcome="claimed"} 1`)
    const listed = JSON.parse((await fetchText(`${api}/v1/streams`)).body)
    expect(listed.items).toMatchObject([{ fleet: FLEET, state: 'active' }])
    const [session] = await fleet.store.sessions(FLEET, Date.now())
    expect(session?.relay).toBe(gateway)
    viewer.destroy()
    return true
  })
  await until('events tell of it', async () => {
    const events = await fleet.store.events({ fleet: FLEET })
    const told = events.filter(({ slot }) => slot !== undefined).map(({ reason }) => reason)
    return told.includes('StreamStarted') && events.some(({ reason }) => reason === 'StreamRefused')
  })
  const { replicas } = JSON.parse((await fetchText(`${api}/readyz`)).body)
  expect(replicas).toEqual([])
}, 180_000)
