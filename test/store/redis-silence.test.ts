import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { SILENCE_MS } from '../../src/store/limits.ts'
import type { Store } from '../../src/store/store.ts'
import { FLEET, id, session } from '../conformance/store/sample.ts'
import { startRedis } from '../harness/redis.ts'
import { connectStore, PATIENCE_MS, useStack } from './redis-stores.ts'

const stack = useStack()

const replica = {
  holder: 'nas:1',
  startedAt: 0,
  declares: {},
  leads: {},
  dockerAgoMs: null,
  lease: null,
}

/** Has the store be as old as one that has long been settled, and last heard of a replica so long ago. */
async function openOld(silentMs: number) {
  const server = stack.use(await startRedis())
  const { store, now } = await connectStore(stack, { url: server.url })
  const at = now()
  await store.announce(replica)
  await server.command('hset', 'acefleet:test:incarnation', 'bornAt', at - 600_000)
  await server.command('zadd', 'acefleet:test:replicasSeen', at - silentMs, replica.holder)
  const bornAt = () => server.command('hget', 'acefleet:test:incarnation', 'bornAt')
  return { store, now, bornAt }
}

async function claim(store: Store, name: string, nowMs: number, state: 'pending' | 'active') {
  const wanted = session(name, { containerId: id('a'), state, expiresAt: nowMs + 15_000 })
  return await store.reserve(FLEET, wanted, 2, nowMs)
}

it(
  'when no replica was heard for long, sessions may have lapsed that still run: takes assertions, and no claims (I3, I5)',
  async () => {
    const { store, now, bornAt } = await openOld(SILENCE_MS + 1_000)
    const { incarnation, ...memory } = await store.readFleet(FLEET, now())
    expect(Math.abs(memory.bornAt - now())).toBeLessThan(60_000)
    const born = await bornAt()
    expect(await claim(store, 'new', now(), 'pending')).toBe('unsettled')
    expect(await claim(store, 'old', now(), 'active')).toBe('reserved')
    // The same silence counts once.
    await sleep(20)
    await store.readFleet(FLEET, now())
    expect((await store.announce(replica)).incarnation).toBe(incarnation)
    await store.readFleet(FLEET, now())
    expect(await bornAt()).toBe(born)
  },
  PATIENCE_MS,
)

it(
  'a pause in which no session could lapse changes nothing',
  async () => {
    const { store, now } = await openOld(SILENCE_MS / 3)
    expect((await store.readFleet(FLEET, now())).bornAt).toBeLessThan(now() - 500_000)
    expect(await claim(store, 'new', now(), 'pending')).toBe('reserved')
  },
  PATIENCE_MS,
)
