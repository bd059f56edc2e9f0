import { describe, expect, it } from 'vitest'
import { DockerUnreachable, UnknownOutcome } from '../../src/docker/errors.ts'
import type { ContainerId, ContainerSpec } from '../../src/docker/port.ts'
import type { Epoch, Lease } from '../../src/lease/lease.ts'
import type { Mark } from '../../src/store/mark.ts'
import { type FakeDocker, makeFakeDocker } from './fake-docker.ts'
import { makeRandom } from './random.ts'
import { makeVirtualClock, type VirtualClock } from './virtual-clock.ts'

const IMAGE = 'engine:1'
const calm = new AbortController().signal

const lease: Lease = {
  fleet: 'home',
  epoch: 7 as Epoch,
  assertHeld: () => {},
  lost: new AbortController().signal,
}

const markOf = (containerId: ContainerId): Mark => ({
  containerId,
  kind: 'failed',
  reason: 'Test',
  at: 0,
  deadlineAt: 0,
  epoch: lease.epoch,
})

function engine(name: string, network: string, httpPort: number, p2pPort: number): ContainerSpec {
  const labels = { 'acestream.http_port': `${httpPort}`, 'acefleet.p2p-port': `${p2pPort}` }
  return { name, image: IMAGE, env: [], labels, networkMode: network, publish: [] }
}

function makeWorld(seed = 1): { clock: VirtualClock; docker: FakeDocker } {
  const clock = makeVirtualClock()
  const docker = makeFakeDocker({ clock, random: makeRandom(seed), images: [IMAGE] })
  return { clock, docker }
}

/** Runs virtual time until the call has ended. */
async function finish<T>(clock: VirtualClock, call: Promise<T>): Promise<T> {
  let isOver = false
  const over = () => {
    isOver = true
  }
  call.then(over, over)
  await clock.runUntil(() => isOver, 600_000)
  return await call
}

describe('the fake daemon', () => {
  it('replays one seed exactly', async () => {
    const runs = await Promise.all(
      [5, 5, 6].map(async (seed) => {
        const { clock, docker } = makeWorld(seed)
        const created = ['a', 'b', 'c'].map((name) =>
          docker.create(lease, engine(name, 'bridge', 19000, 0), calm),
        )
        for (const call of created) await finish(clock, call)
        return JSON.stringify(docker.history)
      }),
    )
    expect(runs[0]).toBe(runs[1])
    expect(runs[0]).not.toBe(runs[2])
  })

  it('leaves a joined engine running in a dead namespace when its VPN node restarts (I10)', async () => {
    const { clock, docker } = makeWorld()
    docker.place({ name: 'vpn' })
    const id = await finish(
      clock,
      docker.create(lease, engine('e', 'container:vpn', 19000, 0), calm),
    )
    await finish(clock, docker.start(lease, id, calm))
    expect(docker.isReachable(id)).toBe(true)

    docker.restart('vpn')

    expect(docker.container('e').state).toBe('running')
    expect(docker.isReachable(id)).toBe(false)
    expect(docker.container('vpn').startedAtText > docker.container('e').startedAtText).toBe(true)
  })

  it('ends an engine whose port is taken in its namespace (I11)', async () => {
    const { clock, docker } = makeWorld()
    docker.place({ name: 'vpn' })
    for (const name of ['e0', 'e1']) {
      const id = await finish(
        clock,
        docker.create(lease, engine(name, 'container:vpn', 19000, 8621), calm),
      )
      await finish(clock, docker.start(lease, id, calm))
      await clock.advance(100)
    }
    expect(docker.container('e0').state).toBe('running')
    expect(docker.container('e1')).toMatchObject({ state: 'exited', exitCode: 1 })
  })

  it('carries out a create whose reply is lost', async () => {
    const { clock, docker } = makeWorld()
    docker.failNext('create', { kind: 'lostReply' })
    const call = docker.create(lease, engine('e', 'bridge', 19000, 0), calm)
    await expect(finish(clock, call)).rejects.toBeInstanceOf(UnknownOutcome)
    expect(docker.container('e').state).toBe('created')
  })

  it('lets a slow create land after its caller gave up', async () => {
    const { clock, docker } = makeWorld()
    docker.failNext('create', { kind: 'slow', requestMs: 20_000 })
    const call = docker.create(lease, engine('e', 'bridge', 19000, 0), calm)
    await expect(finish(clock, call)).rejects.toBeInstanceOf(UnknownOutcome)
    expect(docker.world()).toHaveLength(0)
    await clock.advance(10_000)
    expect(docker.world()).toHaveLength(1)
  })

  it('refuses connections while it is down, and keeps its containers running', async () => {
    const { clock, docker } = makeWorld()
    docker.place({ name: 'vpn' })
    docker.setDown(true)
    await expect(finish(clock, docker.list(calm))).rejects.toBeInstanceOf(DockerUnreachable)
    docker.setDown(false)
    expect((await finish(clock, docker.list(calm)))[0]?.state).toBe('running')
  })

  it('tells a killed process nothing, but carries out what it had sent', async () => {
    const { clock, docker } = makeWorld()
    const process = clock.process('controller-a')
    let wasAnswered = false
    const answered = () => {
      wasAnswered = true
    }
    const call = docker.client(process).create(lease, engine('e', 'bridge', 19000, 0), calm)
    call.then(answered, answered)
    process.kill()
    await clock.advance(60_000)
    expect(wasAnswered).toBe(false)
    expect(docker.history).toMatchObject([{ verb: 'create', name: 'controller-a' }])
  })

  it('holds the answers of a paused process until it is resumed', async () => {
    const { clock, docker } = makeWorld()
    const process = clock.process('controller-a')
    let answeredAt = 0
    void docker
      .client(process)
      .list(calm)
      .then(() => {
        answeredAt = clock.monotonic()
      })
    process.pause()
    await clock.advance(10_000)
    expect(answeredAt).toBe(0)
    process.resume()
    await clock.settle()
    await clock.advance(0)
    expect(answeredAt).toBe(10_000)
  })

  it('drops, doubles and delays events as told', async () => {
    const { clock, docker } = makeWorld()
    const seen: string[] = []
    const stop = new AbortController()
    void (async () => {
      for await (const event of docker.events(stop.signal)) {
        seen.push(event === 'connected' ? event : `${event.action} ${event.name}`)
      }
      seen.push('ended')
    })()
    await clock.settle()
    docker.eventFate = ({ action, name }) =>
      action !== 'create' ? 'drop' : name === 'b' ? 'duplicate' : { delayMs: 50 }
    docker.place({ name: 'a' })
    docker.place({ name: 'b' })
    await clock.advance(100)
    docker.cutEvents()
    await clock.advance(1_000)
    stop.abort()
    await clock.settle()
    expect(seen).toEqual(['connected', 'create b', 'create b', 'create a', 'connected', 'ended'])
  })

  it('stops by SIGTERM, frees the name only once it is removed, and records the mark (I7)', async () => {
    const { clock, docker } = makeWorld()
    const id = docker.place({ name: 'e', image: IMAGE })
    await finish(clock, docker.stop(lease, markOf(id), 10, calm))
    expect(docker.container('e').exitCode).toBe(143)
    await finish(clock, docker.remove(lease, markOf(id), calm))
    expect(docker.world()).toHaveLength(0)
    const stopped = docker.history.find(({ verb }) => verb === 'stop')
    expect(stopped?.mark?.containerId).toBe(id)
    expect(docker.history.map(({ verb }) => verb)).toEqual([
      'create',
      'start',
      'stop',
      'die',
      'remove',
      'destroy',
    ])
  })
})
