import { installPackages } from './apt.ts'
import { findProgram, type Say } from './root.ts'

/** Installs Debian's redis-server where there is none. Redis servers of ours are processes of their own all the same. */
export function ensureRedis(say: Say): void {
  if (findProgram('redis-server') !== undefined) return
  say(
    'Redis is missing. Debian will also start one on 127.0.0.1:6379, which nothing here uses; to stop that: service redis-server stop',
  )
  installPackages('Redis', ['redis-server'], [], say)
}
