import { z } from 'zod'
import { parseMark } from '../codec.ts'
import type { Mark } from '../mark.ts'
import type { Data, ServerTime } from './data.ts'
import { fencedScript, runFenced } from './epoch.ts'

/**
 * `harden` (src/store/harden.ts) again. Numbers stay the texts that they came as: Lua's JSON would drop digits. Values
 * are compared as numbers, and what stands is answered.
 */
const MARK = fencedScript('mark', {
  keys: ['marks'],
  args: ['id', 'kind', 'reason', 'at', 'deadlineAt', 'stopAt'],
  lua: `
local held = redis.call('HGET', marks, id)
local stands = held and cjson.decode(held)
local worsens, sooner, stops = false, false, false
if stands then
  worsens = stands.kind == 'draining' and kind == 'failed'
  sooner = tonumber(deadlineAt) < tonumber(stands.deadlineAt)
  stops = stands.stopAt == '' and stopAt ~= ''
else
  stands = {containerId = id, at = at, kind = kind, reason = reason}
  worsens, sooner, stops = true, true, true
end
if worsens then stands.kind, stands.reason = kind, reason end
if sooner then stands.deadlineAt = deadlineAt end
if stops then stands.stopAt = stopAt end
if worsens or sooner or stops then
  stands.epoch = epoch
  held = cjson.encode(stands)
  redis.call('HSET', marks, id, held)
end
return {'ok', held}
`,
})

const textsSchema = z.object({
  containerId: z.string(),
  kind: z.string(),
  reason: z.string(),
  at: z.string(),
  deadlineAt: z.string(),
  stopAt: z.string(),
  epoch: z.string(),
})

/** Reads one mark as the script wrote it. */
export function readMark(text: string, time: ServerTime): Mark {
  const mark = textsSchema.parse(JSON.parse(text))
  const ms = (value: string) => time.fromServer(Number(value))
  return parseMark({
    ...mark,
    at: ms(mark.at),
    deadlineAt: ms(mark.deadlineAt),
    stopAt: mark.stopAt === '' ? undefined : ms(mark.stopAt),
    epoch: Number(mark.epoch),
  })
}

/** Writes a mark or hardens the one that stands; answers what stands then. */
export async function writeMark(data: Data, fleet: string, mark: Mark): Promise<Mark> {
  const time = data.time()
  const [stands] = await runFenced(data, MARK, {
    fleet,
    epoch: mark.epoch,
    id: mark.containerId,
    kind: mark.kind,
    reason: mark.reason,
    at: time.toServer(mark.at),
    deadlineAt: time.toServer(mark.deadlineAt),
    stopAt: mark.stopAt === undefined ? '' : time.toServer(mark.stopAt),
  })
  return data.read(() => readMark(z.string().parse(stands), time))
}
