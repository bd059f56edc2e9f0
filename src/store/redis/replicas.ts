import { z } from 'zod'
import { parseReplica } from '../codec.ts'
import { type Glance, REPLICA_TTL_MS, type Replica } from '../store.ts'
import type { Data } from './data.ts'
import { pairsSchema, sortedPairsSchema } from './reply.ts'
import { storeScript } from './script.ts'

/*
 *   replicas      hash: holder -> what it said of itself
 *   replicasSeen  sorted set: holder by the server's ms at which it said so
 */

const ANNOUNCE = storeScript('announce', {
  keys: ['replicas', 'replicasSeen', 'epochs'],
  args: ['holder', 'record'],
  lua: `
redis.call('HSET', replicas, holder, record)
redis.call('ZADD', replicasSeen, exact(now), holder)
local silent = redis.call('ZRANGEBYSCORE', replicasSeen, '-inf', exact(now - ${REPLICA_TTL_MS}))
for _, gone in ipairs(silent) do
  redis.call('ZREM', replicasSeen, gone)
  redis.call('HDEL', replicas, gone)
end
local seen = redis.call('ZRANGE', replicasSeen, 0, -1, 'WITHSCORES')
local living = {}
for i = 1, #seen, 2 do
  local at = tonumber(seen[i + 1])
  if at > now then
    -- The server's clock was put back.
    at = now
    redis.call('ZADD', replicasSeen, exact(now), seen[i])
  end
  local record = redis.call('HGET', replicas, seen[i])
  if record then
    living[#living + 1] = record
    living[#living + 1] = exact(now - at)
  end
end
return {'ok', incarnationId, redis.call('HGET', incarnation, 'revision'), living,
  redis.call('HGETALL', epochs)}
`,
})

const glanceSchema = z.tuple([
  z.string(),
  z.coerce.number(),
  pairsSchema,
  sortedPairsSchema.transform((pairs) =>
    pairs.map(([fleet, epoch]) => [fleet, Number(epoch)] as const),
  ),
])

/** Tells the others of this process, and answers what they told; by holder. */
export async function announce(data: Data, replica: Replica): Promise<Glance> {
  const time = data.time()
  const record = JSON.stringify({ ...replica, startedAt: time.toServer(replica.startedAt) })
  const [, ...values] = await data.run(ANNOUNCE, '', { holder: replica.holder, record })
  return data.read(() => {
    const [incarnation, revision, living, epochs] = glanceSchema.parse(values)
    const replicas = living.map(([text, ago]) => {
      const each = parseReplica(text)
      return { ...each, startedAt: time.fromServer(each.startedAt), agoMs: Number(ago) }
    })
    return {
      incarnation,
      revision,
      replicas: replicas.sort((a, b) => (a.holder < b.holder ? -1 : 1)),
      epochs: new Map(epochs),
    }
  })
}
