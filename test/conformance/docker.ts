import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  DockerError,
  ImageMissing,
  NamespaceGone,
  NameTaken,
  NotFound,
  UnknownOutcome,
} from '../../src/docker/errors.ts'
import type { ContainerId, ContainerSpec, ContainerSummary } from '../../src/docker/port.ts'
import { LeaseLost } from '../../src/lease/lease.ts'
import {
  type Behaviour,
  type DockerBench,
  heldLease as lease,
  lostLease,
  markOf,
  until,
} from './docker-bench.ts'

/** Containers of this run, and of no other on the same daemon. */
const prefix = `conformance-${process.pid}-${Date.now().toString(36)}`

const LABELS = { 'acefleet.conformance': prefix, 'acefleet.fleet': 'bench' }

/** No container has it. */
const STRANGER = 'f'.repeat(64) as ContainerId

/** Everything the loop leans on, proven of the fake and of the daemon alike: a fake that does less is not used. */
export function describeDocker(name: string, setup: () => Promise<DockerBench>): void {
  describe(name, () => {
    let bench: DockerBench
    let count = 0
    const calm = new AbortController().signal
    const unique = () => `${prefix}.${count++}`

    beforeAll(async () => {
      bench = await setup()
    })
    afterAll(async () => {
      for (const { id } of await ours()) await bench.destroy(id)
      await bench[Symbol.asyncDispose]()
    })

    async function ours(): Promise<readonly ContainerSummary[]> {
      const all = await bench.docker.list(calm)
      return all.filter(({ labels }) => labels['acefleet.conformance'] === prefix)
    }
    async function listed(id: ContainerId): Promise<ContainerSummary | undefined> {
      return (await bench.docker.list(calm)).find((container) => container.id === id)
    }
    function specOf(extra: Partial<ContainerSpec> = {}, behaviour: Behaviour = 'serve') {
      const base = { name: unique(), image: bench.image, labels: LABELS, networkMode: 'bridge' }
      return { ...base, publish: [], ...bench.behave(behaviour), ...extra }
    }
    const create = (extra?: Partial<ContainerSpec>, behaviour?: Behaviour) =>
      bench.docker.create(lease, specOf(extra, behaviour), calm)
    async function run(extra?: Partial<ContainerSpec>, behaviour?: Behaviour) {
      const id = await create(extra, behaviour)
      await bench.docker.start(lease, id, calm)
      return id
    }
    const stop = (id: ContainerId) => bench.docker.stop(lease, markOf(id), 5, calm)
    const remove = (id: ContainerId) => bench.docker.remove(lease, markOf(id), calm)
    async function exited(behaviour: Behaviour = 'fail') {
      const id = await run({}, behaviour)
      await until(async () => (await listed(id))?.state === 'exited', 'the container exits')
      return id
    }

    it('answers a ping', async () => {
      await expect(bench.docker.ping(calm)).resolves.toBeUndefined()
    })

    describe('list', () => {
      it('shows a container as soon as its create has answered, with all that was asked for', async () => {
        const spec = specOf()
        const id = await bench.docker.create(lease, spec, calm)
        const before = Date.now()
        expect(await listed(id)).toMatchObject({
          id,
          name: spec.name,
          labels: LABELS,
          state: 'created',
          networkMode: 'bridge',
          image: bench.image,
        })
        expect((await listed(id))?.createdAt).toSatisfy((at: number) => at % 1000 === 0 && at > 0)
        expect((await listed(id))?.createdAt).toBeLessThanOrEqual(before + 1_000)
      })

      it('has read what was written: states and removals are there at once', async () => {
        const id = await run()
        expect((await listed(id))?.state).toBe('running')
        await stop(id)
        expect((await listed(id))?.state).toBe('exited')
        await remove(id)
        expect(await listed(id)).toBeUndefined()
      })

      it('shows a paused container as paused', async () => {
        const id = await run()
        await bench.pause(id)
        expect((await listed(id))?.state).toBe('paused')
      })
    })

    describe('names', () => {
      it('go to exactly one of many creates at once (I1, I2)', async () => {
        const name = unique()
        const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => create({ name })))
        const failures = outcomes.flatMap((o) => (o.status === 'rejected' ? [o.reason] : []))
        expect(failures).toHaveLength(7)
        for (const failure of failures) expect(failure).toBeInstanceOf(NameTaken)
        expect((await ours()).filter((container) => container.name === name)).toHaveLength(1)
      })

      it('stay taken by an exited container, until its removal has answered (I1)', async () => {
        const name = unique()
        const id = await create({ name })
        await expect(create({ name })).rejects.toBeInstanceOf(NameTaken)
        await remove(id)
        expect(await create({ name })).not.toBe(id)
      })
    })

    describe('create', () => {
      it('says that the image is missing', async () => {
        const image = 'conformance/nowhere:0'
        expect(await bench.docker.hasImage(image, calm)).toBe(false)
        expect(await bench.docker.hasImage(bench.image, calm)).toBe(true)
        await expect(create({ image })).rejects.toBeInstanceOf(ImageMissing)
      })

      it('refuses published ports in another container’s network', async () => {
        const owner = await create()
        const publish = [
          { address: '127.0.0.1', hostPort: 45_999, containerPort: 80, protocol: 'tcp' as const },
        ]
        const call = create({ networkMode: `container:${owner}`, publish })
        await expect(call).rejects.toMatchObject({ name: 'DockerError', status: 400 })
      })
    })

    describe('restart of a node', () => {
      it('leaves a running container running as another generation of the same id', async () => {
        const id = await run()
        const before = await bench.docker.inspect(id, calm)
        await bench.docker.restartNode(lease, id, 5, calm)
        const after = await bench.docker.inspect(id, calm)
        expect(after).toMatchObject({ id, state: 'running' })
        expect(after.startedAtText).not.toBe(before.startedAtText)
      })

      it('starts one that has exited, and knows when there is none', async () => {
        const id = await exited()
        const before = await bench.docker.inspect(id, calm)
        await bench.docker.restartNode(lease, id, 5, calm)
        const { startedAtText } = await bench.docker.inspect(id, calm)
        expect(startedAtText).not.toBe(before.startedAtText)
        const call = bench.docker.restartNode(lease, STRANGER, 5, calm)
        await expect(call).rejects.toBeInstanceOf(NotFound)
      })
    })

    describe('start, stop and remove', () => {
      it('are success when it is so already', async () => {
        const id = await run()
        await bench.docker.start(lease, id, calm)
        await stop(id)
        await stop(id)
        await remove(id)
        await remove(id)
        await stop(id)
        expect(await listed(id)).toBeUndefined()
      })

      it('know that a container is gone, where that is no success', async () => {
        const { docker } = bench
        await expect(docker.start(lease, STRANGER, calm)).rejects.toBeInstanceOf(NotFound)
        await expect(docker.inspect(STRANGER, calm)).rejects.toBeInstanceOf(NotFound)
        await expect(docker.inspect(unique(), calm)).rejects.toBeInstanceOf(NotFound)
        await expect(docker.logTail(STRANGER, 5, calm)).rejects.toBeInstanceOf(NotFound)
      })

      it('act on full ids only, never on names', async () => {
        const spec = specOf()
        const id = await bench.docker.create(lease, spec, calm)
        for (const short of [spec.name, id.slice(0, 12)] as ContainerId[]) {
          await expect(bench.docker.start(lease, short, calm)).rejects.toBeInstanceOf(DockerError)
          await expect(stop(short)).rejects.toBeInstanceOf(DockerError)
          await expect(remove(short)).rejects.toBeInstanceOf(DockerError)
        }
        expect((await listed(id))?.state).toBe('created')
      })

      it('never remove a running container', async () => {
        const id = await run()
        await expect(remove(id)).rejects.toMatchObject({ name: 'DockerError', status: 409 })
        expect((await listed(id))?.state).toBe('running')
      })

      it('kill after the grace what does not hear SIGTERM', async () => {
        const id = await run({}, 'deaf')
        await bench.sleep(500)
        await bench.docker.stop(lease, markOf(id), 1, calm)
        expect(await bench.docker.inspect(id, calm)).toMatchObject({
          state: 'exited',
          exitCode: 137,
        })
      })
    })

    describe('inspect and log tail', () => {
      it('tell how a container ended', async () => {
        const id = await exited()
        const detail = await bench.docker.inspect(id, calm)
        expect(detail).toMatchObject({ id, state: 'exited', exitCode: 3, oomKilled: false })
        expect(detail.startedAt).toBeGreaterThan(0)
        expect(detail.finishedAt).toBeGreaterThanOrEqual(detail.startedAt)
        expect(await bench.docker.logTail(id, 2, calm)).toEqual(['two', 'three'])
      })

      it('find a container by its name, and tell its address while it runs', async () => {
        const spec = specOf()
        const id = await bench.docker.create(lease, spec, calm)
        const before = await bench.docker.inspect(spec.name, calm)
        expect(before).toMatchObject({ id, startedAt: 0, finishedAt: 0, addresses: {} })
        expect(before.createdAt).toBe((await listed(id))?.createdAt)
        await bench.docker.start(lease, id, calm)
        const { addresses } = await bench.docker.inspect(spec.name, calm)
        expect(addresses.bridge).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      })
    })

    describe('a joined network namespace', () => {
      const joined = async (owner: ContainerId) =>
        await create({ networkMode: `container:${owner}` })

      it('is kept by the owner’s id, also when it was asked for by name', async () => {
        const owner = specOf()
        const ownerId = await bench.docker.create(lease, owner, calm)
        const id = await create({ networkMode: `container:${owner.name}` })
        expect((await listed(id))?.networkMode).toBe(`container:${ownerId}`)
        expect((await bench.docker.inspect(id, calm)).networkMode).toBe(`container:${ownerId}`)
      })

      it('may be that of nobody at create, but not at start (I10)', async () => {
        const id = await joined(STRANGER)
        await expect(bench.docker.start(lease, id, calm)).rejects.toBeInstanceOf(NamespaceGone)
        expect((await listed(id))?.state).toBe('created')
      })

      it('can not be joined while its owner does not run, or once it is gone (I10)', async () => {
        const owner = await run()
        const id = await joined(owner)
        await bench.halt(owner)
        await expect(bench.docker.start(lease, id, calm)).rejects.toBeInstanceOf(NamespaceGone)
        await bench.destroy(owner)
        await expect(bench.docker.start(lease, id, calm)).rejects.toBeInstanceOf(NamespaceGone)
        expect((await bench.docker.inspect(id, calm)).error).not.toBe('')
      })

      it('dies with a restart of its owner, and only StartedAt tells (I10)', async () => {
        const owner = await run()
        const id = await joined(owner)
        await bench.docker.start(lease, id, calm)
        const before = await bench.docker.inspect(owner, calm)
        await bench.sleep(10)
        await bench.restart(owner)
        const after = await bench.docker.inspect(owner, calm)
        const engine = await bench.docker.inspect(id, calm)
        expect(engine.state).toBe('running')
        expect(after.startedAtText).not.toBe(before.startedAtText)
        expect(after.startedAt).toBeGreaterThan(engine.startedAt)
        expect(engine.startedAt).toBeGreaterThanOrEqual(before.startedAt)
      })
    })

    describe('events', () => {
      it('tell a container’s life in order, after saying that the stream stands', async () => {
        const spec = specOf()
        const end = new AbortController()
        const seen: string[] = []
        let labels: Readonly<Record<string, string>> = {}
        const reading = (async () => {
          for await (const event of bench.docker.events(end.signal)) {
            if (event === 'connected') seen.push(event)
            else if (event.name === spec.name) {
              seen.push(event.action)
              labels = event.labels
            }
          }
        })()
        await until(() => seen.includes('connected'), 'connected')
        const id = await bench.docker.create(lease, spec, calm)
        await bench.docker.start(lease, id, calm)
        await stop(id)
        await remove(id)
        await until(() => seen.includes('destroy'), 'the destroy event')
        end.abort()
        await reading
        expect(seen.filter((action) => action !== 'stop')).toEqual([
          'connected',
          'create',
          'start',
          'die',
          'destroy',
        ])
        expect(labels).toMatchObject(LABELS)
      })
    })

    describe('a lost lease', () => {
      it('lets no call out (I7)', async () => {
        const { docker } = bench
        const name = unique()
        const idle = await create()
        const busy = await run()
        const ended = await exited()
        const calls = [
          docker.create(lostLease, specOf({ name }), calm),
          docker.start(lostLease, idle, calm),
          docker.stop(lostLease, markOf(busy), 5, calm),
          docker.restartNode(lostLease, busy, 5, calm),
          docker.remove(lostLease, markOf(ended), calm),
          docker.pull(lostLease, bench.image, () => {}, calm),
        ]
        for (const outcome of await Promise.allSettled(calls)) {
          expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(LeaseLost) })
        }
        await bench.sleep(200)
        expect((await listed(idle))?.state).toBe('created')
        expect((await listed(busy))?.state).toBe('running')
        expect((await listed(ended))?.state).toBe('exited')
        expect((await ours()).some((container) => container.name === name)).toBe(false)
      })
    })

    describe('a caller that gives up', () => {
      it('before a change was sent has changed nothing', async () => {
        const name = unique()
        const call = bench.docker.create(lease, specOf({ name }), AbortSignal.abort())
        const error = await call.catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(DockerError)
        expect(error).not.toBeInstanceOf(UnknownOutcome)
        await bench.sleep(200)
        expect((await ours()).some((container) => container.name === name)).toBe(false)
      })

      it('during a stop does not know its outcome, and the daemon carries it out (I7)', async () => {
        const id = await run({}, 'deaf')
        await bench.sleep(500)
        const giveUp = new AbortController()
        const call = bench.docker.stop(lease, markOf(id), 2, giveUp.signal)
        const failure = expect(call).rejects.toBeInstanceOf(UnknownOutcome)
        await bench.sleep(500)
        giveUp.abort()
        await failure
        expect((await listed(id))?.state).toBe('running')
        await until(async () => (await listed(id))?.state === 'exited', 'the stop is carried out')
      })

      it('of a read gets a DockerError', async () => {
        const call = bench.docker.list(AbortSignal.abort())
        await expect(call).rejects.toBeInstanceOf(DockerError)
      })
    })
  })
}
