import { z } from 'zod'
import { parseAcceptedSpec } from '../codec.ts'
import { GENERATIONS_KEPT } from '../limits.ts'
import type { AcceptedSpec } from '../store.ts'
import type { Data } from './data.ts'
import { COUNT_FLEETS } from './incarnation.ts'
import { sortedPairsSchema } from './reply.ts'
import { storeScript } from './script.ts'

/*
 *   specs        hash: fleet -> its highest generation, document included
 *   generations  sorted set of one fleet: `<generation> <hash>` by generation. Of earlier ones only the hash is asked for
 */

const ACCEPTED = storeScript('acceptedSpecs', {
  keys: ['specs'],
  args: [],
  lua: `return {'ok', redis.call('HGETALL', specs)}`,
})

/** The highest generation of every fleet, by name. */
export async function acceptedSpecs(data: Data): Promise<readonly AcceptedSpec[]> {
  const [, found] = await data.run(ACCEPTED, '', {})
  return data.read(() =>
    sortedPairsSchema.parse(found).map(([, text]) => parseAcceptedSpec(JSON.parse(text))),
  )
}

const GENERATIONS = storeScript('generationsOf', {
  keys: ['generations'],
  args: [],
  lua: `return {'ok', redis.call('ZREVRANGE', generations, 0, -1)}`,
})

/** Generations of a fleet that had this hash, newest first. */
export async function generationsOf(
  data: Data,
  fleet: string,
  hash: string,
): Promise<readonly number[]> {
  const [, found] = await data.run(GENERATIONS, fleet, {})
  return data.read(() =>
    z
      .array(z.string())
      .parse(found)
      .map((member) => [member, member.indexOf(' ')] as const)
      .filter(([member, space]) => member.slice(space + 1) === hash)
      .map(([member, space]) => Number(member.slice(0, space))),
  )
}

const ACCEPT = storeScript('acceptSpec', {
  keys: ['specs', 'generations'],
  args: ['fleet', 'generation', 'hash', 'record'],
  lua: `
-- A server that evicts keys has taken the specs: what is left would refuse every file for good.
if redis.call('HEXISTS', specs, fleet) == 0 then redis.call('DEL', generations) end
local highest = redis.call('ZREVRANGE', generations, 0, 0, 'WITHSCORES')[2]
if highest and tonumber(highest) ~= tonumber(generation) - 1 then return {'refused'} end
redis.call('ZADD', generations, generation, generation .. ' ' .. hash)
redis.call('ZREMRANGEBYRANK', generations, 0, -${GENERATIONS_KEPT + 1})
redis.call('HSET', specs, fleet, record)
${COUNT_FLEETS}
redis.call('HINCRBY', incarnation, 'revision', 1)
return {'accepted'}
`,
})

/** Compare-and-set: only the generation after the highest one is taken, or any where none is remembered. */
export async function acceptSpec(data: Data, spec: AcceptedSpec): Promise<boolean> {
  const { fleet, generation, hash } = spec
  const record = JSON.stringify({ ...spec, document: JSON.stringify(spec.document) })
  const [word] = await data.run(ACCEPT, fleet, { fleet, generation, hash, record })
  return word === 'accepted'
}
