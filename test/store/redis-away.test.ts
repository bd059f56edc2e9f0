import { expect, it } from 'vitest'
import type { Epoch } from '../../src/lease/lease.ts'
import { openRedis } from '../../src/redis/data-server.ts'
import { StoreUnavailable } from '../../src/store/errors.ts'
import { openData } from '../../src/store/redis/data.ts'
import { storeScript } from '../../src/store/redis/script.ts'
import { openRedisStore } from '../../src/store/redis/store.ts'
import { systemClock } from '../../src/time/clock.ts'
import { draining, event, FLEET, id, leadFrom, session, T0 } from '../conformance/store/sample.ts'
import { startRedis } from '../harness/redis.ts'
import { refusal } from './data-dir.ts'
import { connectStore, PATIENCE_MS, useStack, whenBack } from './redis-stores.ts'

const stack = useStack()

it(
  'a server that stands still is unavailable for the while, and forgets nothing',
  async () => {
    const server = stack.use(await startRedis())
    const { store } = await connectStore(stack, { url: server.url, commandTimeoutMs: 300 })
    await store.mark(FLEET, draining(await leadFrom(store)))
    const before = await store.readFleet(FLEET, T0)
    server.signal('SIGSTOP')
    const said = await refusal(store.readFleet(FLEET, T0))
    expect(said).toMatch(/^store unavailable: Redis at \S*127\.0\.0\.1:\d+.*goes on by itself/)
    const claim = session('r', { containerId: id('b') })
    expect(await refusal(store.reserve(FLEET, claim, 1, T0))).toContain('store unavailable')
    server.signal('SIGCONT')
    expect((await whenBack(() => store.readFleet(FLEET, T0))).incarnation).toBe(before.incarnation)
    expect((await store.readFleet(FLEET, T0)).marks).toEqual(before.marks)
  },
  PATIENCE_MS,
)

it('a server that is gone is unavailable at once, without its password in the message', async () => {
  const server = stack.use(await startRedis({ password: 'hush-hush' }))
  await server.kill()
  const redis = stack.use(openRedis({ url: server.url, clock: systemClock }))
  const store = openRedisStore({ redis, instance: 'test', newId: () => 'x', clock: systemClock })
  const calls = [
    store.statuses(),
    store.noteReady(FLEET, 1 as Epoch, id('a'), T0),
    store.mark(FLEET, draining(1 as Epoch)),
    store.announce({
      holder: 'h',
      startedAt: T0,
      declares: {},
      leads: {},
      dockerAgoMs: null,
      lease: null,
    }),
  ]
  for (const call of calls) {
    const said = await refusal(call)
    expect(said).toContain('--redis')
    expect(said).not.toContain('hush-hush')
  }
})

it(
  'a server without memory left is unavailable for writes, changes nothing, and goes on',
  async () => {
    const server = stack.use(await startRedis())
    const { store } = await connectStore(stack, { url: server.url })
    const epoch = await leadFrom(store)
    await server.command('config', 'set', 'maxmemory', '1')
    expect(await refusal(store.mark(FLEET, draining(epoch)))).toContain('OOM')
    expect(await refusal(store.appendEvents([event()]))).toContain('OOM')
    await server.command('config', 'set', 'maxmemory', '0')
    expect((await store.readFleet(FLEET, T0)).marks.size).toBe(0)
    await store.mark(FLEET, draining(epoch))
    expect((await store.readFleet(FLEET, T0)).marks.size).toBe(1)
  },
  PATIENCE_MS,
)

it(
  'what another program wrote is refused by name, not trusted',
  async () => {
    const server = stack.use(await startRedis())
    const { store } = await connectStore(stack, { url: server.url })
    await server.command('hset', 'acefleet:test:fleet:home:backoff', '0', 'not what we write')
    const said = await refusal(store.readFleet(FLEET, T0))
    expect(said).toContain('acefleet:test:')
    expect(said).not.toContain('not what we write')
    await server.command('set', 'acefleet:test:statuses', 'not a hash')
    expect(await refusal(store.statuses())).toContain('WRONGTYPE')
  },
  PATIENCE_MS,
)

it(
  'a mistake in a script of ours is no weather',
  async () => {
    const server = stack.use(await startRedis())
    const redis = stack.use(openRedis({ url: server.url, clock: systemClock }))
    await redis.connected()
    const data = openData({ redis, instance: 'test', newId: () => 'x' })
    const mistakes = ['return nobody.knows', 'return return', "return redis.call('NOPE')"]
    for (const lua of [...mistakes, "return redis.call('HINCRBY', 'x', 'y', 'z')"]) {
      const broken = storeScript('broken', { keys: [], args: [], lua })
      const error = await data.run(broken, FLEET, {}).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(Error)
      expect(error).not.toBeInstanceOf(StoreUnavailable)
      expect(String(error)).toContain('broken')
    }
  },
  PATIENCE_MS,
)

it(
  'refuses to write a number that is none',
  async () => {
    const server = stack.use(await startRedis())
    const { store } = await connectStore(stack, { url: server.url })
    const epoch = await leadFrom(store)
    const mark = draining(epoch, { deadlineAt: Number.NaN })
    await expect(store.mark(FLEET, mark)).rejects.toThrow(RangeError)
    await expect(
      store.reserve(FLEET, session('r', { expiresAt: Number.POSITIVE_INFINITY }), 1, T0),
    ).rejects.toThrow(RangeError)
    expect((await store.readFleet(FLEET, T0)).marks.size).toBe(0)
  },
  PATIENCE_MS,
)
