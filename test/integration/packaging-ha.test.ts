import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FleetView } from '../../src/api/view.ts'
import { type ComposeProject, composeUp } from '../harness/compose-project.ts'
import { buildAcefleet, freePort } from '../harness/packaging.ts'
import { buildStandIns } from '../standins/build.ts'
import { buildRedisImage } from '../standins/redis/image.ts'

const docker = new Docker()
const replicas = ['acefleet-1', 'acefleet-2', 'acefleet-3']
const standIns = 'test/integration/compose.ha-standins.yaml'
const variants = [
  { title: 'one Redis', files: ['deploy/compose.ha.yaml'], redis: ['redis'], mayDie: [] },
  {
    title: 'three Redis servers for the lease',
    files: ['deploy/compose.ha.yaml', 'deploy/compose.ha-3redis.yaml'],
    redis: ['redis', 'redis-2', 'redis-3'],
    // Of the lease; `redis` has the fleet's memory as well.
    mayDie: ['redis-3'],
  },
]
let image: string
let redisImage: string

beforeAll(async () => {
  await buildStandIns({ docker })
  redisImage = await buildRedisImage(docker)
  image = (await buildAcefleet(docker)).image
})

describe.each(variants)(
  'the compose file for several replicas, with $title',
  ({ files, redis, mayDie }) => {
    const name = `t${process.pid}x91${redis.length}`
    let project: ComposeProject
    const urls = new Map<string, string>()
    let led: Led
    let engines: readonly string[]

    interface Led {
      /** The service that leads. */
      readonly by: string
      readonly epoch: number
    }

    async function fleetAt(replica: string): Promise<FleetView | undefined> {
      const limit = { signal: AbortSignal.timeout(5_000) }
      const answer = await fetch(`${urls.get(replica)}/v1/fleets`, limit)
      return ((await answer.json()) as { items: readonly FleetView[] }).items[0]
    }

    /** Who leads above an epoch, when all of these replicas say the same, and all of the fleet is ready. */
    async function leaderAt(asked: readonly string[], above: number): Promise<Led> {
      return await project.until(`${asked.join(' and ')} agree on a leader`, async () => {
        const views = await Promise.all(asked.map(fleetAt))
        const isSettled = (view: FleetView | undefined) =>
          view?.leader === views[0]?.leader &&
          view?.ready === 6 &&
          view.conditions.every(({ type }) => type === 'Ready')
        const [view] = views
        const by = replicas.find((each) => view?.leader?.startsWith(`${each}:`))
        if (by === undefined || !views.every(isSettled) || (view?.epoch ?? 0) <= above) return
        return { by, epoch: view?.epoch ?? 0 }
      })
    }

    async function runningEngines(): Promise<readonly string[]> {
      const label = [`acefleet.instance=${project.instance}`]
      return (await docker.listContainers({ filters: { label } })).map(({ Id }) => Id).sort()
    }

    beforeAll(async () => {
      const ports = await Promise.all(replicas.map(freePort))
      for (const [i, replica] of replicas.entries())
        urls.set(replica, `http://127.0.0.1:${ports[i]}`)
      project = await composeUp({
        docker,
        name,
        files: [...files, standIns],
        controllers: replicas,
        env: {
          ACEFLEET_IMAGE: image,
          ACEFLEET_PORT: String(ports[0]),
          ACEFLEET_PORT_2: String(ports[1]),
          ACEFLEET_PORT_3: String(ports[2]),
          REDIS_IMAGE: redisImage,
        },
      })
    })

    afterAll(async () => {
      await project?.[Symbol.asyncDispose]()
    })

    test('brings up a fleet that every replica says the same leader of', async () => {
      led = await leaderAt(replicas, 0)
      engines = await runningEngines()
      expect(engines).toHaveLength(6)
    })

    test('starts its Redis with a password that no process list shows, and finds it healthy', async () => {
      for (const service of redis) {
        const id = await project.containerOf(service)
        await project.until(`${service} is healthy`, async () => {
          const { State } = await docker.getContainer(id).inspect()
          return State.Health?.Status === 'healthy' || undefined
        })
        const { Processes } = await docker.getContainer(id).top()
        expect(JSON.stringify(Processes)).not.toContain('Pa55word')
        const refused = await project.call('exec', '-T', service, 'redis-cli', 'ping')
        expect(refused).toContain('NOAUTH')
      }
    })

    test('goes on under another leader when the leader is killed, and no engine notices (I6, I9)', async () => {
      const others = replicas.filter((each) => each !== led.by)
      for (const service of [...mayDie, led.by])
        await docker.getContainer(await project.containerOf(service)).kill()
      const next = await leaderAt(others, led.epoch)
      expect(others).toContain(next.by)
      expect(await runningEngines()).toEqual(engines)
    })

    test('goes with `down` once its engines are removed: no container, volume or network stays', async () => {
      await project[Symbol.asyncDispose]()
      const label = [`com.docker.compose.project=${name}`]
      expect(await docker.listContainers({ all: true, filters: { label } })).toEqual([])
      expect((await docker.listVolumes({ filters: { label } })).Volumes ?? []).toEqual([])
      expect(await docker.listNetworks({ filters: { label } })).toEqual([])
    })
  },
)
