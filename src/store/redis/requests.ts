import { formatRequest, replacedBy } from '../codec.ts'
import type { UserRequest } from '../store.ts'
import type { Data } from './data.ts'
import { storeScript } from './script.ts'

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

const REMOVE = storeScript('removeRequest', {
  keys: ['requests'],
  args: ['body'],
  lua: `
if redis.call('ZREM', requests, body) == 1 then
  redis.call('HINCRBY', incarnation, 'revision', 1)
end
return {'ok'}
`,
})

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
