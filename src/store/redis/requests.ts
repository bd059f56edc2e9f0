import type { Epoch } from '../../lease/lease.ts'
import { formatRequest, replacedBy } from '../codec.ts'
import type { UserRequest } from '../store.ts'
import type { Data } from './data.ts'
import { fencedScript, runFenced } from './epoch.ts'
import { type LuaPart, storeScript } from './script.ts'

/** In the order of asking: the revision that a request made is its score. One that is kept already keeps its place. */
const ADD = storeScript('addRequest', {
  keys: ['requests'],
  args: ['body', 'replaced'],
  lua: `
if replaced ~= '' then
  for _, kept in ipairs(redis.call('ZRANGE', requests, 0, -1)) do
    if kept ~= body and string.sub(kept, 1, #replaced) == replaced then redis.call('ZREM', requests, kept) end
  end
end
if not redis.call('ZSCORE', requests, body) then
  redis.call('ZADD', requests, redis.call('HINCRBY', incarnation, 'revision', 1), body)
end
return {'ok'}
`,
})

const TAKE_BACK: LuaPart<'body'> = {
  keys: ['requests'],
  args: ['body'],
  lua: `
if redis.call('ZREM', requests, body) == 1 then
  redis.call('HINCRBY', incarnation, 'revision', 1)
end
return {'ok'}
`,
}

const REMOVE = storeScript('removeRequest', TAKE_BACK)
const END = fencedScript('endRequest', TAKE_BACK)

/** Keeps a request. */
export async function addRequest(data: Data, fleet: string, request: UserRequest): Promise<void> {
  await data.run(ADD, fleet, {
    body: formatRequest(request),
    replaced: replacedBy(request) ?? '',
  })
}

/** Takes a request back. One that is not there is fine. */
export async function removeRequest(
  data: Data,
  fleet: string,
  request: UserRequest,
): Promise<void> {
  await data.run(REMOVE, fleet, { body: formatRequest(request) })
}

/** Takes a request back that is carried out. @throws {StaleEpoch} */
export async function endRequest(
  data: Data,
  fleet: string,
  epoch: Epoch,
  request: UserRequest,
): Promise<void> {
  await runFenced(data, END, { fleet, epoch, body: formatRequest(request) })
}
