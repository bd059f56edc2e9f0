import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect } from 'vitest'
import { openRedis, type RedisOptions } from '../../src/redis/data-server.ts'
import { StoreUnavailable } from '../../src/store/errors.ts'
import { openRedisStore } from '../../src/store/redis/store.ts'
import type { Store } from '../../src/store/store.ts'
import { systemClock } from '../../src/time/clock.ts'

/** A server starts in seconds on a busy machine, and a connection that was lost is had again within one. */
export const PATIENCE_MS = 120_000

export interface ConnectOptions extends Partial<RedisOptions> {
  readonly url: string
  readonly instance?: string
  /** How much this process's clock is ahead, ms. */
  readonly aheadMs?: number
}

/** Things that end with the test, in the reverse order of their making. */
export function useStack(): { use<T extends AsyncDisposable>(resource: T): T } {
  let stack = new AsyncDisposableStack()
  afterEach(async () => {
    await stack.disposeAsync()
    stack = new AsyncDisposableStack()
  })
  return { use: (resource) => stack.use(resource) }
}

export interface ConnectedStore {
  readonly store: Store
  /** As this process's clock has it. */
  now(): number
}

/** A store over a connection of its own, as another process has it. */
export async function connectStore(
  stack: { use<T extends AsyncDisposable>(resource: T): T },
  { instance = 'test', aheadMs = 0, ...options }: ConnectOptions,
): Promise<ConnectedStore> {
  const now = () => Date.now() + aheadMs
  const { clock = { ...systemClock, now } } = options
  const redis = stack.use(openRedis({ ...options, clock }))
  await redis.connected()
  return { store: openRedisStore({ redis, instance, newId: randomUUID, clock }), now }
}

/** The answer of the first call that the store takes after it was away. */
export async function whenBack<T>(call: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + PATIENCE_MS / 2
  for (;;) {
    try {
      return await call()
    } catch (error) {
      expect(error).toBeInstanceOf(StoreUnavailable)
      if (performance.now() > giveUpAt) throw error
      await sleep(50)
    }
  }
}
