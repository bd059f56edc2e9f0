import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { FleetEvent, NewFleetEvent } from '../../telemetry/event.ts'
import { parseEvent } from '../codec.ts'
import { DEFAULT_EVENTS, EVENTS_KEPT, FOLD_WITHIN_MS } from '../limits.ts'
import type { EventQuery } from '../store.ts'
import type { Data } from './data.ts'
import { pairsSchema } from './reply.ts'
import { storeScript } from './script.ts'

/*
 * A sequence number is written with 16 digits, so that numbers sort as texts.
 *   events       hash: sequence -> {fleet, kin, at, firstAt, count, body}; `kin` is the same for repeats
 *   eventOrder   sorted set: sequence by itself
 *   eventFleets  sorted set, all of score 0: fleet/sequence
 *   eventFolds   sorted set, all of score 0: kin/sequence
 */

/** Of so many that are kin to an event one may be near it in time; more only when clocks disagree wildly. */
const KIN_LOOKED_AT = 10

const APPEND = storeScript('appendEvents', {
  keys: ['events', 'eventOrder', 'eventFleets', 'eventFolds'],
  args: [],
  lua: `
local function take(sequence, record)
  redis.call('HDEL', events, sequence)
  redis.call('ZREM', eventOrder, sequence)
  redis.call('ZREM', eventFleets, record.fleet .. '/' .. sequence)
  redis.call('ZREM', eventFolds, record.kin .. '/' .. sequence)
end
local function takeEarlier(kin, at)
  local near = redis.call('ZREVRANGEBYLEX', eventFolds, '(' .. kin .. '0', '[' .. kin .. '/',
    'LIMIT', 0, ${KIN_LOOKED_AT})
  for _, member in ipairs(near) do
    local sequence = string.sub(member, #kin + 2)
    local record = cjson.decode(redis.call('HGET', events, sequence))
    if math.abs(tonumber(record.at) - tonumber(at)) <= ${FOLD_WITHIN_MS} then
      take(sequence, record)
      return record
    end
  end
end
local held = redis.call('HLEN', events)
for _, index in ipairs({eventOrder, eventFleets, eventFolds}) do
  -- A server that evicts keys has taken one: what is left leads nowhere.
  if redis.call('ZCARD', index) ~= held then
    redis.call('DEL', events, eventOrder, eventFleets, eventFolds)
    held = 0
  end
end
for i = REST, #ARGV, 4 do
  local record = {fleet = ARGV[i], kin = ARGV[i + 1], at = ARGV[i + 2], firstAt = ARGV[i + 2],
    count = '1', body = ARGV[i + 3]}
  local earlier = takeEarlier(record.kin, record.at)
  if earlier then
    if tonumber(earlier.at) > tonumber(record.at) then record.at = earlier.at end
    if tonumber(earlier.firstAt) < tonumber(record.firstAt) then record.firstAt = earlier.firstAt end
    record.count = exact(tonumber(earlier.count) + 1)
  end
  local sequence = string.format('%016.0f', redis.call('HINCRBY', incarnation, 'sequence', 1))
  redis.call('HSET', events, sequence, cjson.encode(record))
  redis.call('ZADD', eventOrder, sequence, sequence)
  redis.call('ZADD', eventFleets, 0, record.fleet .. '/' .. sequence)
  redis.call('ZADD', eventFolds, 0, record.kin .. '/' .. sequence)
end
local surplus = redis.call('ZCARD', eventOrder) - ${EVENTS_KEPT}
if surplus > 0 then
  for _, sequence in ipairs(redis.call('ZRANGE', eventOrder, 0, surplus - 1)) do
    take(sequence, cjson.decode(redis.call('HGET', events, sequence)))
  end
end
return {'ok'}
`,
})

const READ = storeScript('events', {
  keys: ['events', 'eventOrder', 'eventFleets'],
  args: ['fleet', 'after', 'limit'],
  lua: `
local found = {}
if fleet == '' then
  found = redis.call('ZREVRANGEBYSCORE', eventOrder, '+inf', '(' .. after, 'LIMIT', 0, limit)
else
  local first = string.format('(%s/%016.0f', fleet, tonumber(after))
  local members =
    redis.call('ZREVRANGEBYLEX', eventFleets, '(' .. fleet .. '0', first, 'LIMIT', 0, limit)
  for i, member in ipairs(members) do found[i] = string.sub(member, #fleet + 2) end
end
local answer = {'ok'}
for i = #found, 1, -1 do
  local record = redis.call('HGET', events, found[i])
  if record then
    answer[#answer + 1] = found[i]
    answer[#answer + 1] = record
  end
end
return answer
`,
})

/** What repeats of an event have in common. */
function kinOf({ fleet, reason, slot, message }: NewFleetEvent): string {
  const text = JSON.stringify([fleet, reason, slot ?? null, message])
  return createHash('sha1').update(text).digest('base64url')
}

/** Records events in their order, folds repeats, and lets the oldest go. */
export async function appendEvents(data: Data, events: readonly NewFleetEvent[]): Promise<void> {
  if (events.length === 0) return
  const rest = events.flatMap((event) => {
    const { fleet, at, ...body } = event
    return [fleet, kinOf(event), at, JSON.stringify(body)]
  })
  await data.run(APPEND, '', {}, rest)
}

const recordSchema = z.object({
  fleet: z.string(),
  at: z.coerce.number(),
  firstAt: z.coerce.number(),
  count: z.coerce.number(),
  body: z.string().transform((text): unknown => JSON.parse(text)),
})

const bodySchema = z.record(z.string(), z.unknown())

function readEvent(sequence: string, text: string): FleetEvent {
  const { body, ...record } = recordSchema.parse(JSON.parse(text))
  return parseEvent({ ...bodySchema.parse(body), ...record, sequence: Number(sequence) })
}

/** The newest events that match, oldest first. */
export async function readEvents(data: Data, query: EventQuery): Promise<readonly FleetEvent[]> {
  const { fleet = '', after = 0, limit = DEFAULT_EVENTS } = query
  const [, ...found] = await data.run(READ, '', {
    fleet,
    after: Math.min(Math.max(0, Math.trunc(after)), Number.MAX_SAFE_INTEGER),
    limit: Math.min(Math.max(0, Math.trunc(limit)), EVENTS_KEPT),
  })
  return data.read(() =>
    pairsSchema.parse(found).map(([sequence, text]) => readEvent(sequence, text)),
  )
}
