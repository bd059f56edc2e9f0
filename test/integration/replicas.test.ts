import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FleetView } from '../../src/api/view.ts'
import { RESERVATION_TTL_MS } from '../../src/store/store.ts'
import { makeRig, type Rig, tunnelled } from '../harness/acefleet.ts'
import type { AcefleetProcess } from '../harness/acefleet-process.ts'
import { type DockerProxy, startDockerProxy } from '../harness/docker-proxy.ts'
import { type StartedRedis, startRedis } from '../harness/redis.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let witness: Witness
let redis: StartedRedis
let otherSpecs: string
let started = 0

beforeAll(async () => {
  rig = await makeRig()
  redis = await startRedis()
  otherSpecs = await mkdtemp(join(tmpdir(), 'acefleet-other-'))
  const { docker, instance, fleet } = rig
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
  await rig.addNode('a')
  await rig.addNode('b')
  await rig.edit(tunnelled(rig, { replicas: 2 }))
  await Promise.all([startReplica(), startReplica(), startReplica()])
})

afterAll(async () => {
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
  await rm(otherSpecs, { recursive: true, force: true })
})

async function startReplica(specDir?: string): Promise<AcefleetProcess> {
  started += 1
  const specs = specDir === undefined ? {} : { specDir }
  return await rig.replica(`replica-${started}`, { redis: redis.url, ...specs })
}

const living = () => rig.replicas.filter((each) => each.isRunning())
const viewOf = (replica: AcefleetProcess) => replica.get<FleetView>(`/v1/fleets/${rig.fleet}`)

/** The replica that every living one calls leader, under an epoch above the one given. */
async function leaderAbove(epoch: number): Promise<{ leader: AcefleetProcess; epoch: number }> {
  return await rig.until(`one leads above epoch ${epoch}`, async () => {
    const views = await Promise.all(living().map(viewOf))
    const [view] = views
    if (view === undefined || (view.epoch ?? 0) <= epoch) return undefined
    if (views.some((each) => each.leader !== view.leader)) return undefined
    const leader = living().find((each) => each.holder === view.leader)
    return leader === undefined ? undefined : { leader, epoch: view.epoch ?? 0 }
  })
}

/** Ids of running engines, by the daemon alone. */
async function running(): Promise<readonly string[]> {
  const filters = { label: [`acefleet.instance=${rig.instance}`] }
  return (await rig.docker.listContainers({ filters })).map(({ Id }) => Id).sort()
}

async function isReady(replica: AcefleetProcess): Promise<boolean> {
  return (await fetch(`${replica.url}/readyz`)).ok
}

async function readyAgain(): Promise<void> {
  await rig.until('all replicas are ready', async () => {
    return (await Promise.all(living().map(isReady))).every((each) => each)
  })
}

describe('three replicas on one Redis', () => {
  test('bring the fleet up together: one leads, and all of them say who (I1, I2)', async () => {
    await rig.converged(2)
    const { leader } = await leaderAbove(0)
    expect(living()).toHaveLength(3)
    expect(leader.holder).toMatch(/^.+:\d+-[0-9a-f]{4}$/)
    await readyAgain()
  })

  test('carry out what a standby was asked for', async () => {
    const { leader } = await leaderAbove(0)
    const standby = living().find((each) => each !== leader)
    const engine = (await rig.engines()).find((each) => !each.forwarded)
    const asked = await standby?.post(`/v1/engines/${engine?.name}/drain`)
    expect(asked?.status).toBe(202)
    await rig.until('the engine is replaced', async () => {
      return !(await running()).includes(engine?.containerId ?? '')
    })
    await rig.converged(2)
  })

  test('hand over at a graceful end, and touch no engine', async () => {
    const before = await running()
    const { leader, epoch } = await leaderAbove(0)
    expect(await leader.end('SIGTERM')).toBe(0)
    await leaderAbove(epoch)
    expect(await running()).toEqual(before)
    await startReplica()
  })

  test('go on after a kill of the leader, and touch no engine (I6)', async () => {
    const before = await running()
    const { leader, epoch } = await leaderAbove(0)
    await leader.end('SIGKILL')
    await leaderAbove(epoch)
    await rig.converged(2)
    expect(await running()).toEqual(before)
    await startReplica()
  })

  test('follow one edit of the folder that they share', async () => {
    await rig.edit(tunnelled(rig, { replicas: 3 }))
    await rig.converged(3)
    await rig.until('every replica has heard', async () => {
      const views = await Promise.all(living().map(viewOf))
      return views.every((view) => view.generation === 2)
    })
  })
})

describe('a Redis that forgets', () => {
  test('everything at once stops no engine, and the generation comes back (I5, I6)', async () => {
    const before = await running()
    const { epoch } = await leaderAbove(0)
    await redis.flushAll()
    await leaderAbove(epoch)
    await sleep(RESERVATION_TTL_MS + 2_000)
    await rig.converged(3)
    expect((await rig.fleetView()).generation).toBe(2)
    expect(await running()).toEqual(before)
  })

  test('and is away for a while is told of; work goes on by itself when it is back, empty', async () => {
    const before = await running()
    const { epoch } = await leaderAbove(0)
    await redis.kill()
    await rig.until('no replica is ready', async () => {
      return (await Promise.all(living().map(isReady))).every((each) => !each)
    })
    const [replica] = living()
    const reasons = await (await fetch(`${replica?.url}/readyz`)).text()
    expect(reasons).toContain('Redis at redis://127.0.0.1')
    // One that begins meanwhile waits as the others do.
    await (await startReplica()).get('/healthz')
    await sleep(8_000)
    expect(await running()).toEqual(before)
    await redis.restart()
    await leaderAbove(epoch)
    await rig.converged(3)
    await readyAgain()
    expect((await rig.fleetView()).generation).toBe(2)
    expect(await running()).toEqual(before)
  })
})

describe('a newcomer with another file', () => {
  const mismatch = async () =>
    (await rig.fleetView()).conditions.find(({ type }) => type === 'SpecMismatch')

  test('does not win by starting: who differs is told, for as long as it does', async () => {
    const file = await readFile(join(rig.specDir, 'fleet.yaml'), 'utf8')
    await writeFile(join(otherSpecs, 'fleet.yaml'), file.replace('replicas: 3', 'replicas: 5'))
    const newcomer = await startReplica(otherSpecs)
    const told = await rig.until('the difference is told', mismatch)
    expect(told.message).toContain(`${otherSpecs}/fleet.yaml:1 of replica ${newcomer.holder}`)
    const refused = await newcomer.post(`/v1/fleets/${rig.fleet}/delete`)
    expect(refused.status).toBe(409)
    expect(await rig.fleetView()).toMatchObject({ generation: 2, replicas: 3 })
    expect(await newcomer.end('SIGTERM')).toBe(0)
    await rig.until('it is told no more', async () => (await mismatch()) === undefined)
  })

  test('wins when it is edited', async () => {
    const newcomer = await startReplica(otherSpecs)
    const file = join(otherSpecs, 'fleet.yaml')
    await rig.until('it is told of', mismatch)
    await writeFile(file, (await readFile(file, 'utf8')).replace('replicas: 5', 'replicas: 4'))
    await rig.converged(4)
    expect((await rig.fleetView()).generation).toBe(3)
    // The others' files differ now, and take nothing back.
    await newcomer.end('SIGTERM')
    await sleep(3_000)
    expect(await rig.fleetView()).toMatchObject({ generation: 3, replicas: 4 })
  })
})

describe('a Docker daemon that one replica alone', () => {
  /** The only leader is behind the proxy, and another replica stands by. */
  async function leaderBehind(proxy: DockerProxy) {
    const before = living()
    started += 1
    const behind = await rig.replica(`replica-${started}`, {
      redis: redis.url,
      env: { DOCKER_HOST: proxy.url },
    })
    const { epoch } = await leaderAbove(0)
    for (const replica of before) await replica.end('SIGTERM')
    const now = await leaderAbove(epoch)
    expect(now.leader).toBe(behind)
    return { behind, epoch: now.epoch, other: await startReplica() }
  }

  test('cannot reach is left to another one, and no engine is touched (I9)', async () => {
    await using proxy = await startDockerProxy()
    const before = await running()
    const { behind, other, epoch } = await leaderBehind(proxy)
    await proxy.vanish()
    expect((await leaderAbove(epoch)).leader).toBe(other)
    await rig.until('it says why', async () => (await behind.log()).includes('"StepsAside"'))
    await proxy.heal()
    await readyAgain()
    expect(await running()).toEqual(before)
  })

  test('gets no answer from is left to another one before a single call has failed (I9)', async () => {
    await using proxy = await startDockerProxy()
    const before = await running()
    const { behind, other, epoch } = await leaderBehind(proxy)
    proxy.inject(/./, { kind: 'hang' })
    expect((await leaderAbove(epoch)).leader).toBe(other)
    const log = await behind.log()
    expect(log).toMatch(/"StepsAside".*the Docker daemon has not answered/)
    expect(log).not.toContain('timed out')
    await proxy.heal()
    await readyAgain()
    expect(await running()).toEqual(before)
  })
})

test('the daemon’s own events witness no broken promise (I1, I2, I10, I11)', async () => {
  await witness.caughtUp()
  expect(witness.violations).toEqual([])
})
