import { z } from 'zod'
import type { Data } from './data.ts'
import { storeScript } from './script.ts'

const RELAY_KEY = storeScript('relayKey', {
  keys: [],
  args: ['candidate'],
  lua: `
redis.call('HSETNX', incarnation, 'relayKey', candidate)
return {'ok', redis.call('HGET', incarnation, 'relayKey')}
`,
})

/** What gateways know each other by: the first candidate, until the store forgets. */
export async function relayKey(data: Data, candidate: string): Promise<string> {
  const [, key] = await data.run(RELAY_KEY, '', { candidate })
  return data.read(() => z.string().min(1).parse(key))
}
