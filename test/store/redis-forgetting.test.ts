import { beforeEach, describe, expect, it } from 'vitest'
import { makeSpecMemory } from '../../src/spec/spec-memory.ts'
import { StaleEpoch } from '../../src/store/errors.ts'
import type { Store } from '../../src/store/store.ts'
import {
  acceptedSpec,
  draining,
  event,
  FLEET,
  id,
  leadFrom,
  session,
} from '../conformance/store/sample.ts'
import { type StartedRedis, startRedis } from '../harness/redis.ts'
import { startTcpProxy } from '../harness/tcp-proxy.ts'
import { connectStore, PATIENCE_MS, useStack, whenBack } from './redis-stores.ts'

const stack = useStack()

const claim = (name: string, change = {}) => {
  const now = Date.now()
  return session(name, { expiresAt: now + 60_000, lastBytesAt: now, ...change })
}

/** A store with something in it, and what it says then. */
async function filled(store: Store) {
  const epoch = await leadFrom(store, Date.now())
  await store.mark(FLEET, draining(epoch, { containerId: id('c') }))
  await store.reserve(FLEET, claim('r'), 2, Date.now())
  await store.addRequest(FLEET, { kind: 'cordon', node: 'gluetun-a' })
  await store.acceptSpec(acceptedSpec(4))
  await store.appendEvents([event(), event({ message: 'second' })])
  const glance = await store.announce({
    holder: 'h',
    startedAt: 1,
    declares: {},
    leads: {},
    dockerAgoMs: null,
    lease: null,
  })
  return {
    epoch,
    memory: await store.readFleet(FLEET, Date.now()),
    sequence: (await store.events({})).at(-1)?.sequence ?? 0,
    revision: glance.revision,
  }
}

/** What a new incarnation means to everyone, whether or not the store kept anything. */
async function expectNewborn(store: Store, before: Awaited<ReturnType<typeof filled>>, at: number) {
  const memory = await store.readFleet(FLEET, Date.now())
  expect(memory.incarnation).not.toBe(before.memory.incarnation)
  // Planning takes stream counts for unknown until one reservation lifetime after this.
  expect(memory.bornAt).toBeGreaterThanOrEqual(at - 50)
  expect(memory.bornAt).toBeLessThanOrEqual(Date.now() + 50)
  const newcomer = claim('newcomer', { state: 'pending', containerId: id('e') })
  expect(await store.reserve(FLEET, newcomer, 2, Date.now())).toBe('unsettled')
  const glance = await store.announce({
    holder: 'h',
    startedAt: 1,
    declares: {},
    leads: {},
    dockerAgoMs: null,
    lease: null,
  })
  expect(glance.incarnation).toBe(memory.incarnation)
  expect(glance.revision).toBeGreaterThan(before.revision)
  await store.appendEvents([event({ message: 'after' })])
  // Whoever reads on from before misses nothing.
  expect(await store.events({ after: before.sequence })).toMatchObject([{ message: 'after' }])
  // The incarnation is born once.
  expect((await store.readFleet(FLEET, Date.now())).incarnation).toBe(memory.incarnation)
}

/** The leader goes on under its epoch, which the store takes over, and whoever led before is refused (I6). */
async function expectFenced(store: Store, epoch: Awaited<ReturnType<typeof leadFrom>>) {
  await store.noteReady(FLEET, epoch, id('a'), Date.now())
  const older = store.mark(FLEET, draining((epoch - 1) as typeof epoch))
  await expect(older).rejects.toThrow(StaleEpoch)
  expect(await store.openTerm(FLEET, 'h', 0, 0)).toBe(epoch + 1)
}

describe('a server that is flushed', () => {
  let server: StartedRedis
  beforeEach(async () => {
    server = stack.use(await startRedis())
  }, PATIENCE_MS)

  it(
    'is a new incarnation; sessions are asserted up to maxStreams, the epoch is taken over (I3, I6)',
    async () => {
      const { store } = await connectStore(stack, { url: server.url })
      const before = await filled(store)
      const at = Date.now()
      await server.flushAll()
      await expectNewborn(store, before, at)
      const { marks, requests, streams } = await store.readFleet(FLEET, Date.now())
      expect([...marks, ...requests, ...streams]).toEqual([])
      await expectFenced(store, before.epoch)
      for (const [name, answer] of [
        ['r', 'reserved'],
        ['s', 'reserved'],
        ['t', 'full'],
      ] as const) {
        expect(await store.reserve(FLEET, claim(name), 2, Date.now())).toBe(answer)
      }
      expect(await store.acceptSpec(acceptedSpec(4))).toBe(true)
    },
    PATIENCE_MS,
  )

  it(
    'is one and the same incarnation to all who meet it at once',
    async () => {
      const one = await connectStore(stack, { url: server.url })
      const other = await connectStore(stack, { url: server.url })
      const before = await filled(one.store)
      await server.flushAll()
      const reads = [one, other, one, other].map(({ store }) => store.readFleet(FLEET, 0))
      const seen = new Set((await Promise.all(reads)).map(({ incarnation }) => incarnation))
      expect(seen.size).toBe(1)
      expect(seen).not.toContain(before.memory.incarnation)
    },
    PATIENCE_MS,
  )

  it(
    'is a new incarnation each time',
    async () => {
      const { store } = await connectStore(stack, { url: server.url })
      const seen = new Set<string>()
      for (let n = 0; n < 3; n++) {
        seen.add((await store.readFleet(FLEET, 0)).incarnation)
        await server.flushAll()
      }
      expect(seen.size).toBe(3)
    },
    PATIENCE_MS,
  )
})

it(
  'a server that restarts empty is a new incarnation that remembers nothing',
  async () => {
    const server = stack.use(await startRedis())
    const { store } = await connectStore(stack, { url: server.url })
    const before = await filled(store)
    const at = Date.now()
    await server.restart()
    await whenBack(() => store.statuses())
    await expectNewborn(store, before, at)
    expect((await store.readFleet(FLEET, 0)).marks.size).toBe(0)
    await expectFenced(store, before.epoch)
  },
  PATIENCE_MS,
)

it(
  'a server that restarts with its data is a new incarnation that keeps them: nobody can tell what is missing',
  async () => {
    const server = stack.use(await startRedis({ appendOnly: true }))
    const { store } = await connectStore(stack, { url: server.url })
    const before = await filled(store)
    const at = Date.now()
    await server.restart()
    await whenBack(() => store.statuses())
    await expectNewborn(store, before, at)
    const { incarnation, bornAt, ...kept } = await store.readFleet(FLEET, 0)
    expect({ ...before.memory, incarnation, bornAt }).toEqual({ ...kept, incarnation, bornAt })
    expect(await store.acceptedSpecs()).toEqual([acceptedSpec(4)])
    // Known sessions are renewed, new ones wait.
    expect(await store.reserve(FLEET, claim('r', { state: 'pending' }), 2, Date.now())).toBe(
      'reserved',
    )
    await expectFenced(store, before.epoch)
  },
  PATIENCE_MS,
)

it(
  'a connection that breaks is no new incarnation',
  async () => {
    const server = stack.use(await startRedis())
    const proxy = stack.use(await startTcpProxy(server))
    const { store } = await connectStore(stack, { url: `redis://127.0.0.1:${proxy.port}` })
    const { memory } = await filled(store)
    proxy.cut()
    expect(await whenBack(() => store.readFleet(FLEET, 0))).toEqual(memory)
  },
  PATIENCE_MS,
)

it(
  'a replica that takes over without the last writes is a new incarnation (I5, I6)',
  async () => {
    const master = stack.use(await startRedis())
    const replica = stack.use(
      await startRedis({ replicaOf: { host: '127.0.0.1', port: master.port } }),
    )
    // A name that leads to whoever is master.
    const target = { port: master.port }
    const proxy = stack.use(await startTcpProxy(target))
    const { store } = await connectStore(stack, { url: `redis://127.0.0.1:${proxy.port}` })
    const before = await filled(store)
    await expect.poll(() => copiedAll(master, replica), { timeout: PATIENCE_MS / 2 }).toBe(true)
    await replica.command('replicaof', 'no', 'one')
    const late = await store.openTerm(FLEET, 'late', 0, 0)
    await store.mark(FLEET, draining(late, { containerId: id('d') }))
    await store.reserve(FLEET, claim('lost'), 2, Date.now())
    await store.appendEvents([event({ message: 'lost' })])
    const sequence = (await store.events({})).at(-1)?.sequence ?? 0
    const at = Date.now()
    await master.kill()
    target.port = replica.port
    await whenBack(() => store.statuses())

    await expectNewborn(store, { ...before, sequence }, at)
    const { marks, streams } = await store.readFleet(FLEET, 0)
    expect([...marks.keys()]).toEqual([id('c')])
    expect(streams.get(id('a'))).toMatchObject({ active: 1 })
    expect(await store.reserve(FLEET, claim('lost'), 2, Date.now())).toBe('reserved')
    await expectFenced(store, late)
  },
  PATIENCE_MS,
)

async function copiedAll(master: StartedRedis, replica: StartedRedis): Promise<boolean> {
  const offset = (info: unknown, name: string) =>
    new RegExp(`${name}:(\\d+)`).exec(String(info))?.[1]
  const sent = offset(await master.command('info', 'replication'), 'master_repl_offset')
  const info = await replica.command('info', 'replication')
  const isUp = String(info).includes('master_link_status:up')
  return isUp && offset(info, 'slave_repl_offset') === sent
}

it(
  'a server that evicts the specs is a new incarnation: no fleet is deleted by that, and replicas bring them back',
  async () => {
    const server = stack.use(await startRedis())
    const { store } = await connectStore(stack, { url: server.url })
    const specs = [acceptedSpec(4), acceptedSpec(1, { fleet: 'away' })]
    for (const spec of specs) expect(await store.acceptSpec(spec)).toBe(true)
    const replica = {
      holder: 'h',
      startedAt: 1,
      declares: {},
      leads: {},
      lease: null,
      dockerAgoMs: null,
    }
    const read = async () => {
      const accepted = new Map((await store.acceptedSpecs()).map((spec) => [spec.fleet, spec]))
      return { accepted, incarnation: (await store.announce(replica)).incarnation }
    }
    const memory = makeSpecMemory()
    const before = await read()
    memory.keep(before.accepted, before.incarnation, new Set())

    await server.command('del', 'acefleet:test:specs')
    const { accepted, incarnation } = await read()
    expect(incarnation).not.toBe(before.incarnation)
    const forgotten = memory.forgotten(accepted, incarnation).map(({ spec }) => spec)
    expect(forgotten.map(({ fleet }) => fleet).toSorted()).toEqual(['away', FLEET])
    for (const spec of forgotten) expect(await store.acceptSpec(spec)).toBe(true)
    expect(await read()).toEqual({ ...before, incarnation })

    const epoch = await leadFrom(store, Date.now())
    await store.dropFleet(FLEET, epoch)
    const after = await read()
    expect(after.incarnation, 'a fleet that was deleted was not forgotten').toBe(incarnation)
    expect([...after.accepted.keys()]).toEqual(['away'])
  },
  PATIENCE_MS,
)
