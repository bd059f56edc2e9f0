import type { RedisScript } from '../../src/redis/port.ts'

/** Counts how often it was carried out. */
export const INCREMENT: RedisScript = {
  name: 'increment',
  source: `return redis.call('INCR', KEYS[1])`,
}
