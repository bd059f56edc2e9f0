import { z } from 'zod'
import type { Epoch } from '../../lease/lease.ts'
import type { FleetStatus } from '../../telemetry/status.ts'
import { parseEndpoints, parseStatus } from '../codec.ts'
import type { Endpoint } from '../store.ts'
import { candidateLines, offerLines } from './candidates.ts'
import type { Data } from './data.ts'
import { fencedScript, runFenced } from './epoch.ts'
import { sortedPairsSchema } from './reply.ts'
import { storeScript } from './script.ts'

const PUBLISH = fencedScript('publish', {
  keys: ['statuses', 'endpoints', 'candidates', 'offers'],
  args: ['status', 'list', 'lines', 'offered'],
  lua: `
redis.call('HSET', statuses, fleet, status)
redis.call('HSET', endpoints, fleet, list)
redis.call('SET', candidates, lines)
redis.call('SET', offers, offered)
return {'ok'}
`,
})

/** Replaces what the leader shows of a fleet. */
export async function publish(
  data: Data,
  fleet: string,
  epoch: Epoch,
  status: FleetStatus,
  endpoints: readonly Endpoint[],
): Promise<void> {
  const shown = { status: JSON.stringify(status), list: JSON.stringify(endpoints) }
  const [lines, offered] = [candidateLines(endpoints), offerLines(endpoints)]
  await runFenced(data, PUBLISH, { fleet, epoch, ...shown, lines, offered })
}

const STATUSES = storeScript('statuses', {
  keys: ['statuses'],
  args: [],
  lua: `return {'ok', redis.call('HGETALL', statuses)}`,
})

/** The latest status of every fleet that has one, by name. */
export async function statuses(data: Data): Promise<readonly FleetStatus[]> {
  const [, found] = await data.run(STATUSES, '', {})
  return data.read(() => sortedPairsSchema.parse(found).map(([, text]) => parseStatus(text)))
}

const ENDPOINTS = storeScript('endpoints', {
  keys: ['endpoints'],
  args: ['fleet'],
  lua: `return {'ok', redis.call('HGET', endpoints, fleet) or '[]'}`,
})

/** The engines that claims may choose from. */
export async function readEndpoints(data: Data, fleet: string): Promise<readonly Endpoint[]> {
  const [, found] = await data.run(ENDPOINTS, fleet, { fleet })
  return data.read(() => parseEndpoints(z.string().parse(found)))
}
