import { z } from 'zod'
import type { ContainerId } from '../../docker/port.ts'
import type { Claim, ClaimAnswer, Identified, PlayingSession } from '../claim.ts'
import { parseEndpoint } from '../codec.ts'
import { ALIASES_KEPT } from '../limits.ts'
import { parseSessionFigures } from '../session-figures.ts'
import { parseSessionStat } from '../session-stat.ts'
import { RESERVATION_TTL_MS, type Reservation } from '../store.ts'
import type { Data } from './data.ts'
import { LAPSE, LIST_SESSIONS } from './reservations.ts'
import { type LuaPart, storeScript } from './script.ts'

/*
 * What claims need beside a fleet's sessions:
 *   candidates  string: what is chosen by, of each published engine, see candidates.ts
 *   offers      string: what a claim answers of each published engine, see candidates.ts
 *   aliases     hash: content -> the content that it turned out to be
 */

/** Gives the parts behind it `playing(content)`: id and record of the session that plays it, if one lives. */
const PLAYING: LuaPart<never> = {
  keys: ['sessions', 'expiry', 'contents'],
  args: [],
  lua: `
local function playing(what)
  local session = redis.call('HGET', contents, what)
  local record = session and redis.call('HGET', sessions, session)
  if not record then return nil end
  local isLive = redis.call('ZSCORE', expiry, cjson.decode(record).containerId .. '/' .. session)
  if isLive then return session, record end
  return nil
end
`,
}

/** The same decisions, in the same order, as the embedded store's `claim`. */
const CLAIM = storeScript<
  'id' | 'content' | 'holder' | 'relay' | 'lifetimeMs' | 'avoid' | 'instead'
>('claim', LAPSE, PLAYING, {
  keys: [
    'sessions',
    'expiry',
    'places',
    'marks',
    'traffic',
    'contents',
    'aliases',
    'candidates',
    'offers',
    'used',
  ],
  args: ['id', 'content', 'holder', 'relay', 'lifetimeMs', 'avoid', 'instead'],
  lua: `
local what = redis.call('HGET', aliases, content) or content
local session, record = playing(what)
local repeated = session == id and cjson.decode(record).containerId
if session and not repeated and session ~= instead then return {'playing', session, record} end
local settlesAt = bornAt + ${RESERVATION_TTL_MS}
if not repeated and now < settlesAt then return {'unsettled', exact(settlesAt - now)} end

local marked, usedAt, counts = {}, {}, {}
for _, engine in ipairs(redis.call('HKEYS', marks)) do marked[engine] = true end
local uses = redis.call('HGETALL', used)
for i = 1, #uses, 2 do usedAt[uses[i]] = tonumber(uses[i + 1]) end
for _, place in ipairs(redis.call('ZRANGE', places, 0, -1)) do
  local engine = string.sub(place, 1, string.find(place, '/', 1, true) - 1)
  counts[engine] = (counts[engine] or 0) + 1
end
local engines, ready, free = 0, 0, 0
local best, fewest, bestForwarded, bestUsedAt
for engine, most, isReady, isForwarded in string.gmatch(redis.call('GET', candidates) or '', '(%x+) (%d+) (%d) (%d)') do
  engines = engines + 1
  if engine == repeated then
    best = engine
    break
  end
  if isReady == '1' and not marked[engine] then
    ready = ready + 1
    local count = counts[engine] or 0
    local room = tonumber(most) - count
    if room > 0 then
      free = free + room
      if avoid == '' or not string.find(avoid, engine, 1, true) then
        local since = usedAt[engine] or 0
        local isBetter = not best or count < fewest
        if best and count == fewest then
          isBetter = isForwarded > bestForwarded or (isForwarded == bestForwarded and since < bestUsedAt)
        end
        if isBetter then best, fewest, bestForwarded, bestUsedAt = engine, count, isForwarded, since end
      end
    end
  end
end
if not best then return {'refused', engines, ready, free} end

if not repeated then
  local place = best .. '/' .. id
  redis.call('HSET', sessions, id, cjson.encode({
    containerId = best, holder = holder, content = what, state = 'pending', relay = relay}))
  redis.call('ZADD', expiry, exact(now + tonumber(lifetimeMs)), place)
  redis.call('ZADD', places, 0, place)
  redis.call('HSETNX', traffic, best, '0')
  redis.call('HSET', contents, what, id)
  redis.call('HSET', used, best, exact(now))
end
local offered = redis.call('GET', offers) or ''
local _, at = string.find(offered, '\\n' .. best .. ' ', 1, true)
local json = at and string.sub(offered, at + 1, (string.find(offered, '\\n', at, true) or 0) - 1)
if not json then return {'refused', engines, ready, free} end
local pending = 0
local all = redis.call('ZRANGEBYLEX', places, '[' .. best .. '/', '(' .. best .. '0')
for _, place in ipairs(all) do
  local one = redis.call('HGET', sessions, string.sub(place, #best + 2))
  if one and cjson.decode(one).state == 'pending' then pending = pending + 1 end
end
return {'claimed', json, #all - pending, pending}
`,
})

const recordSchema = z.object({
  containerId: z.custom<ContainerId>((value) => typeof value === 'string'),
  holder: z.string(),
  content: z.string(),
  state: z.enum(['pending', 'active']),
  relay: z.string().default(''),
  stat: z.string().default('').transform(parseSessionStat),
  figures: z.string().default('').transform(parseSessionFigures),
})

const countSchema = z.coerce.number()

function playingSession(id: unknown, record: unknown): PlayingSession {
  const { containerId, holder, relay } = recordSchema.parse(JSON.parse(z.string().parse(record)))
  return { id: z.string().parse(id), containerId, holder, relay }
}

/** Claims a session; see the interface. Its lifetime is what its holder meant it to be, counted by the server's clock. */
export async function claim(
  data: Data,
  fleet: string,
  { id, content, holder, relay, expiresAt, avoid, instead }: Claim,
  nowMs: number,
): Promise<ClaimAnswer> {
  const args = {
    id,
    content,
    holder,
    relay,
    lifetimeMs: expiresAt - nowMs,
    avoid: avoid.join(' '),
    instead,
  }
  const [word, ...values] = await data.run(CLAIM, fleet, args)
  return data.read((): ClaimAnswer => {
    const [first, second, third] = values
    switch (word) {
      case 'claimed': {
        const [active, pending] = [countSchema.parse(second), countSchema.parse(third)]
        return {
          kind: 'claimed',
          endpoint: parseEndpoint(z.string().parse(first)),
          load: { active, pending },
        }
      }
      case 'playing':
        return { kind: 'playing', ...playingSession(first, second) }
      case 'unsettled':
        return { kind: 'unsettled', retryAfterMs: countSchema.parse(first) }
      default: {
        const [engines, ready, free] = z
          .tuple([countSchema, countSchema, countSchema])
          .parse(values)
        return { kind: 'refused', engines, ready, free }
      }
    }
  })
}

const IDENTIFY = storeScript('identify', LAPSE, PLAYING, {
  keys: ['sessions', 'contents', 'aliases'],
  args: ['id', 'content', 'infohash'],
  lua: `
if content ~= infohash then
  if redis.call('HLEN', aliases) >= ${ALIASES_KEPT} then redis.call('DEL', aliases) end
  redis.call('HSET', aliases, content, infohash)
end
local session, record = playing(infohash)
if session and session ~= id then return {'playing', session, record} end
local own = redis.call('HGET', sessions, id)
if own then
  local changed = cjson.decode(own)
  if redis.call('HGET', contents, changed.content) == id then redis.call('HDEL', contents, changed.content) end
  changed.content = infohash
  redis.call('HSET', sessions, id, cjson.encode(changed))
  redis.call('HSET', contents, infohash, id)
end
return {'only'}
`,
})

/** See the interface. */
export async function identify(
  data: Data,
  fleet: string,
  id: string,
  content: string,
  infohash: string,
): Promise<Identified> {
  const [word, session, record] = await data.run(IDENTIFY, fleet, { id, content, infohash })
  if (word === 'only') return { kind: 'only' }
  return data.read(() => ({ kind: 'playing', ...playingSession(session, record) }))
}

const SESSIONS = storeScript('sessions', LAPSE, LIST_SESSIONS, {
  keys: ['expiry', 'traffic'],
  args: [],
  lua: `
local listed = {}
for i = 1, #load, 2 do
  local engine = string.match(load[i], '^[^/]*')
  for _, value in ipairs({load[i], load[i + 1], redis.call('ZSCORE', expiry, load[i]),
    redis.call('HGET', traffic, engine) or '0'}) do listed[#listed + 1] = value end
end
return {'ok', listed}
`,
})

/** Sessions that live, by id; one whose record was lost is not among them. */
export async function sessions(data: Data, fleet: string): Promise<readonly Reservation[]> {
  const time = data.time()
  const [, found] = await data.run(SESSIONS, fleet, {})
  return data.read(() => {
    const flat = z.array(z.string()).parse(found)
    const read: Reservation[] = []
    for (let i = 0; i < flat.length; i += 4) {
      const [place = '', record = '', expiresAt, lastBytesAt] = flat.slice(i, i + 4)
      if (record === '') continue
      read.push({
        id: place.slice(place.indexOf('/') + 1),
        ...recordSchema.parse(JSON.parse(record)),
        expiresAt: time.fromServer(Number(expiresAt)),
        lastBytesAt: Number(lastBytesAt) === 0 ? 0 : time.fromServer(Number(lastBytesAt)),
      })
    }
    return read.sort((a, b) => (a.id < b.id ? -1 : 1))
  })
}
