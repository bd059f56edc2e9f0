import { z } from 'zod'
import { LAPSED_KEPT_MS } from '../limits.ts'
import { formatSessionFigures } from '../session-figures.ts'
import { addStat, type EngineStat, formatSessionStat, parseSessionStat } from '../session-stat.ts'
import { RESERVATION_TTL_MS, type Reservation, type Reserved } from '../store.ts'
import type { Data } from './data.ts'
import { type LuaPart, storeScript } from './script.ts'

/*
 * A fleet's sessions; claims.ts has what they play. A *place* is `containerId/id`: what lapses can be cleared away by its name alone.
 *   sessions  hash: id -> {containerId, holder, content, state, relay, stat, figures}, of those that live and those that lapsed
 *   expiry    sorted set: place by the server's ms at which it lapses; only those that live
 *   places    sorted set: the same ones, all of score 0, so that an engine's are counted in one step
 *   lapsed    sorted set: place by the ms at which it lapsed; no clock brings it back
 *   traffic   hash: containerId -> ms at which bytes last flowed on any of its sessions, 0 when none ever did
 *   contents  hash: content -> id of the session that plays it, if that one lives
 *   used      hash: containerId -> ms at which a session on it was last claimed or released
 */

/** `dropSession(id)` forgets a session's record, and that it plays what it plays. */
const FORGET_SESSION: LuaPart<never> = {
  keys: ['sessions', 'contents'],
  args: [],
  lua: `
local function dropSession(session)
  local record = redis.call('HGET', sessions, session)
  if not record then return end
  local content = cjson.decode(record).content
  if redis.call('HGET', contents, content) == session then redis.call('HDEL', contents, content) end
  redis.call('HDEL', sessions, session)
end
`,
}

/** What lapsed is seen to have lapsed, once for all, and forgotten later. */
export const LAPSE: LuaPart<never> = {
  keys: [...FORGET_SESSION.keys, 'expiry', 'places', 'lapsed'],
  args: [],
  lua: `
${FORGET_SESSION.lua.trim()}
if redis.call('ZCARD', places) ~= redis.call('ZCARD', expiry) then
  -- A server that evicts keys has taken one of them.
  redis.call('DEL', places)
  for _, place in ipairs(redis.call('ZRANGE', expiry, 0, -1)) do redis.call('ZADD', places, 0, place) end
end
local over = redis.call('ZRANGEBYSCORE', expiry, '-inf', exact(now), 'WITHSCORES')
for i = 1, #over, 2 do
  redis.call('ZREM', expiry, over[i])
  redis.call('ZREM', places, over[i])
  redis.call('ZADD', lapsed, over[i + 1], over[i])
end
for _, place in ipairs(redis.call('ZRANGEBYSCORE', lapsed, '-inf', exact(now - ${LAPSED_KEPT_MS}))) do
  redis.call('ZREM', lapsed, place)
  dropSession(string.match(place, '^[^/]*/(.*)$'))
end
`,
}

/** The same decisions, in the same order, as the embedded store's `reserve`, which says why. */
const RESERVE = storeScript<
  | 'id'
  | 'containerId'
  | 'holder'
  | 'content'
  | 'state'
  | 'relay'
  | 'stat'
  | 'figures'
  | 'lifetimeMs'
  | 'lastBytesAt'
  | 'maxStreams'
>('reserve', LAPSE, {
  keys: ['marks', 'traffic', 'aliases'],
  args: [
    'id',
    'containerId',
    'holder',
    'content',
    'state',
    'relay',
    'stat',
    'figures',
    'lifetimeMs',
    'lastBytesAt',
    'maxStreams',
  ],
  lua: `
-- A session that is still starting goes by what it was asked for, though it is known by now what that is.
content = redis.call('HGET', aliases, content) or content
local place = containerId .. '/' .. id
local known = redis.call('HGET', sessions, id)
local held = known and cjson.decode(known)
local heldPlace = held and held.containerId .. '/' .. id
local isLive = held and redis.call('ZSCORE', expiry, heldPlace) ~= false
if isLive and held.holder ~= holder then return {'full'} end
local isSame = held and held.holder == holder and held.containerId == containerId
local playing = redis.call('HGET', contents, content)
local other = playing and playing ~= id and redis.call('HGET', sessions, playing)
local isElsewhere = other
  and redis.call('ZSCORE', expiry, cjson.decode(other).containerId .. '/' .. playing) ~= false
if not (isSame and isLive) then
  local isYoung = now < bornAt + ${RESERVATION_TTL_MS}
  local mark = redis.call('HGET', marks, containerId)
  if mark then
    local standing = cjson.decode(mark)
    local mayReturn = standing.kind == 'draining' and standing.stopAt == ''
    if not (mayReturn and (isSame or (isYoung and state == 'active'))) then return {'marked'} end
  end
  if isYoung and state ~= 'active' then return {'unsettled'} end
  if isElsewhere then return {'taken'} end
  local others = redis.call('ZLEXCOUNT', places, '[' .. containerId .. '/', '(' .. containerId .. '0')
  if redis.call('ZSCORE', places, place) then others = others - 1 end
  if others >= tonumber(maxStreams) then return {'full'} end
end
if held then
  for _, set in ipairs({expiry, places, lapsed}) do redis.call('ZREM', set, heldPlace) end
  if held.content ~= content then dropSession(id) end
end
redis.call('HSET', sessions, id, cjson.encode({
  containerId = containerId, holder = holder, content = content, state = state, relay = relay,
  stat = stat, figures = figures}))
if not isElsewhere then redis.call('HSET', contents, content, id) end
redis.call('ZADD', expiry, exact(now + tonumber(lifetimeMs)), place)
redis.call('ZADD', places, 0, place)
local flowed = redis.call('HGET', traffic, containerId)
if not flowed or tonumber(flowed) < tonumber(lastBytesAt) then
  redis.call('HSET', traffic, containerId, lastBytesAt)
elseif tonumber(flowed) > now and tonumber(lastBytesAt) <= now then
  -- What lies ahead was written before the server's clock was put back: it may have been just now.
  redis.call('HSET', traffic, containerId, exact(math.floor(now)))
end
return {'reserved'}
`,
})

const RELEASE = storeScript('release', FORGET_SESSION, {
  keys: ['sessions', 'expiry', 'lapsed', 'places', 'used'],
  args: ['id'],
  lua: `
local known = redis.call('HGET', sessions, id)
if known then
  local engine = cjson.decode(known).containerId
  local place = engine .. '/' .. id
  for _, set in ipairs({expiry, places, lapsed}) do redis.call('ZREM', set, place) end
  redis.call('HSET', used, engine, exact(now))
  dropSession(id)
end
return {'ok'}
`,
})

/** Forgets the sessions on one engine. Lapsed ones count nowhere, and go by themselves. */
export const DROP_SESSIONS: LuaPart<'id'> = {
  keys: [...FORGET_SESSION.keys, 'expiry', 'places', 'traffic', 'used'],
  args: ['id'],
  lua: `
${FORGET_SESSION.lua.trim()}
for _, place in ipairs(redis.call('ZRANGEBYLEX', places, '[' .. id .. '/', '(' .. id .. '0')) do
  redis.call('ZREM', expiry, place)
  redis.call('ZREM', places, place)
  dropSession(string.sub(place, #id + 2))
end
for _, times in ipairs({traffic, used}) do redis.call('HDEL', times, id) end
`,
}

/** Answers `load`: of each session that lives its place and its record, one after the other. */
export const LIST_SESSIONS: LuaPart<never> = {
  keys: ['sessions', 'expiry'],
  args: [],
  lua: `
local load = {}
for _, place in ipairs(redis.call('ZRANGE', expiry, 0, -1)) do
  load[#load + 1] = place
  load[#load + 1] = redis.call('HGET', sessions, string.match(place, '^[^/]*/(.*)$')) or ''
end
`,
}

const answerSchema = z.enum(['reserved', 'full', 'marked', 'unsettled', 'taken'])

/** Reserves or renews. Its lifetime is what its holder meant it to be by its own clock, counted by the server's. */
export async function reserve(
  data: Data,
  fleet: string,
  wanted: Reservation,
  maxStreams: number,
  nowMs: number,
): Promise<Reserved> {
  const { id, containerId, holder, content, state, relay, expiresAt, lastBytesAt } = wanted
  const time = data.time()
  const [word] = await data.run(RESERVE, fleet, {
    id,
    containerId,
    holder,
    content,
    state,
    relay,
    stat: formatSessionStat(wanted.stat),
    figures: formatSessionFigures(wanted.figures),
    lifetimeMs: expiresAt - nowMs,
    lastBytesAt: lastBytesAt === 0 ? 0 : time.toServer(lastBytesAt),
    maxStreams,
  })
  return answerSchema.parse(word)
}

/** Gives a session back. Unknown ids are fine. */
export async function release(data: Data, fleet: string, id: string): Promise<void> {
  await data.run(RELEASE, fleet, { id })
}

const recordSchema = z.object({
  state: z.string(),
  stat: z.string().default('').transform(parseSessionStat),
})

/** The sessions that live on one engine. */
export interface SessionCount {
  readonly active: number
  readonly pending: number
  readonly stat: EngineStat | undefined
}

/** Those on each engine. One whose record is gone counts as active: busy is the safe side. */
export function countSessions(
  load: readonly (readonly [place: string, record: string])[],
): ReadonlyMap<string, SessionCount> {
  const counts = new Map<string, SessionCount>()
  for (const [place, record] of load) {
    const containerId = place.slice(0, place.indexOf('/'))
    const { active, pending, stat: sum } = counts.get(containerId) ?? NO_SESSION
    const { state, stat } =
      record === '' ? { state: 'active' } : recordSchema.parse(JSON.parse(record))
    const count: SessionCount =
      state === 'pending'
        ? { active, pending: pending + 1, stat: sum }
        : { active: active + 1, pending, stat: stat === undefined ? sum : addStat(sum, stat) }
    counts.set(containerId, count)
  }
  return counts
}

const NO_SESSION: SessionCount = { active: 0, pending: 0, stat: undefined }
