import { afterAll, beforeAll } from 'vitest'
import { openRedis } from '../../src/redis/data-server.ts'
import type { Redis } from '../../src/redis/port.ts'
import { systemClock } from '../../src/time/clock.ts'
import { startRedis } from '../harness/redis.ts'
import { type RedisBenches, redisBenches } from './store/redis-bench.ts'
import { describeStore } from './store.ts'

const stack = new AsyncDisposableStack()
let benches: RedisBenches

beforeAll(async () => {
  const server = stack.use(await startRedis())
  const redis = openRedis({ url: server.url, clock: systemClock })
  stack.use<Redis>(redis)
  await redis.connected()
  benches = await redisBenches(redis)
})
afterAll(() => stack.disposeAsync())

describeStore('redis', (age) => benches.open(age))
