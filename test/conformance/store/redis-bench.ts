import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from '../../../src/redis/port.ts'
import { openRedisStore } from '../../../src/store/redis/store.ts'
import { RESERVATION_TTL_MS } from '../../../src/store/store.ts'
import { FLEET, type StoreAge, type StoreBench } from './sample.ts'

/** Stores on one server, each an instance of its own. Their time is the server's: it really passes. */
export interface RedisBenches {
  open(age?: StoreAge): Promise<StoreBench>
}

/** More than the suite has tests that want a settled store. */
const SETTLED = 24

/** A store that takes its server to be on the same machine: their clocks are set together. */
function openStore(redis: Redis) {
  let setByMs = 0
  const now = () => Date.now() + setByMs
  const clock = { now, monotonic: () => performance.now() }
  return {
    store: openRedisStore({ redis, instance: randomUUID(), newId: randomUUID, clock }),
    now,
    setClock: (ms: number) => {
      setByMs += ms
    },
  }
}

/** Gives birth to some stores at once, so that all tests that need an old one wait for it only once. */
export async function redisBenches(redis: Redis): Promise<RedisBenches> {
  const settling = Array.from({ length: SETTLED }, () => openStore(redis))
  await Promise.all(settling.map(({ store }) => store.readFleet(FLEET, 0)))
  const settledAt = performance.now() + RESERVATION_TTL_MS
  return {
    open: async (age = 'new') => {
      const opened = age === 'new' ? openStore(redis) : settling.pop()
      if (opened === undefined) throw new Error(`more than ${SETTLED} settled stores are asked for`)
      // A timer may fire a little early.
      if (age === 'settled') await sleep(Math.max(0, settledAt - performance.now() + 10))
      return {
        ...opened,
        pass: (ms) => sleep(ms + 10),
        [Symbol.asyncDispose]: () => opened.store[Symbol.asyncDispose](),
      }
    },
  }
}
