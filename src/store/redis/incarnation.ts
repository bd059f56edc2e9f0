import { SILENCE_MS } from '../limits.ts'
import type { LuaPart } from './script.ts'

/**
 * The first part of every script. Begins a new incarnation when the store has forgotten everything, and when the server
 * is another process than the one that wrote last: nobody can tell which of the last writes a restart or a failover has
 * taken. What is still there is kept. The two counters jump to the server's time, above every number that was ever
 * given out, so that whoever reads on from one of them misses nothing.
 *
 * A server that evicts keys may take the specs alone, and a fleet that is gone from one and the same incarnation counts as
 * deleted: so it is counted how many fleets there should be, and fewer are another incarnation.
 *
 * An incarnation also becomes young again when no replica had been heard for so long: then nobody reached the store, and
 * whoever holds a session could not renew it. Each silence counts once.
 *
 * Gives the parts behind it `now` (server's Unix ms), `incarnationId`, `bornAt` and `exact(number)`, which writes a number
 * with all its digits: Lua's own `tostring` drops some.
 */
export const INCARNATION: LuaPart = {
  keys: ['incarnation', 'replicasSeen', 'specs'],
  args: ['runId', 'candidateId'],
  lua: `
local function exact(number) return string.format('%.17g', number) end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local birth = redis.call('HMGET', incarnation, 'id', 'bornAt', 'runId', 'silentSince', 'fleets')
local incarnationId, bornAt = birth[1], tonumber(birth[2])
local hasLostFleets = birth[5] and tonumber(birth[5]) ~= redis.call('HLEN', specs)
if not incarnationId or not bornAt or birth[3] ~= runId or hasLostFleets then
  incarnationId, bornAt = candidateId, math.floor(now)
  redis.call('HSET', incarnation, 'id', incarnationId, 'bornAt', exact(bornAt), 'runId', runId,
    'fleets', redis.call('HLEN', specs))
  for _, counter in ipairs({'revision', 'sequence'}) do
    local reached = tonumber(redis.call('HGET', incarnation, counter)) or 0
    redis.call('HSET', incarnation, counter, exact(math.max(reached, bornAt)))
  end
elseif bornAt > now then
  -- The server's clock was put back: count from now, lest claims wait for it to catch up.
  bornAt = math.floor(now)
  redis.call('HSET', incarnation, 'bornAt', exact(bornAt))
else
  local heardAt = redis.call('ZREVRANGE', replicasSeen, 0, 0, 'WITHSCORES')[2]
  if heardAt and now - tonumber(heardAt) > ${SILENCE_MS} and birth[4] ~= heardAt then
    bornAt = math.floor(now)
    redis.call('HSET', incarnation, 'bornAt', exact(bornAt), 'silentSince', heardAt)
  end
end
`,
}

/** Lua to be run behind each change of `specs`. */
export const COUNT_FLEETS = `redis.call('HSET', incarnation, 'fleets', redis.call('HLEN', specs))`
