import { type Epoch, nextEpoch } from '../../lease/lease.ts'
import { StaleEpoch } from '../errors.ts'
import type { Args, Data } from './data.ts'
import { type LuaPart, type StoreScript, storeScript } from './script.ts'

type Fenced<A extends string> = A | 'fleet' | 'epoch'

/**
 * Refuses a write by an older term. A *higher* epoch than the store has opened is adopted: only a lease gives epochs, so
 * it is the store that has forgotten, and from now on it refuses everything below.
 */
const FENCE: LuaPart<'fleet' | 'epoch'> = {
  keys: ['epochs', 'holders'],
  args: ['fleet', 'epoch'],
  lua: `
local standing = tonumber(redis.call('HGET', epochs, fleet)) or 0
if tonumber(epoch) < standing then
  return {'stale', exact(standing), redis.call('HGET', holders, fleet) or 'nobody'}
end
if tonumber(epoch) > standing then
  redis.call('HSET', epochs, fleet, epoch)
  redis.call('HSET', holders, fleet, 'unknown')
end
`,
}

/** A script that an older term may not run. */
export function fencedScript<A extends string = never>(
  name: string,
  ...parts: readonly LuaPart<A>[]
): StoreScript<Fenced<A>> {
  return storeScript<Fenced<A>>(name, FENCE, ...parts)
}

/** Runs a fenced script, and answers its values. @throws {StaleEpoch} @throws {StoreUnavailable} */
export async function runFenced<A extends string>(
  data: Data,
  script: StoreScript<A>,
  args: Args<A> & { readonly fleet: string; readonly epoch: Epoch },
): Promise<readonly unknown[]> {
  const { fleet, epoch } = args
  const [word, ...values] = await data.run(script, fleet, args)
  if (word !== 'stale') return values
  const [standing, holder] = values
  throw new StaleEpoch(
    `fleet ${fleet}: epoch ${epoch} writes no more, ${holder} has opened epoch ${standing}`,
  )
}

const OPEN_TERM = storeScript('openTerm', {
  keys: ['epochs', 'holders'],
  args: ['fleet', 'holder', 'least'],
  // From 2^53 on numbers are not exact any more.
  lua: `
local standing = tonumber(redis.call('HGET', epochs, fleet)) or 0
local opened = math.max(standing + 1, tonumber(least))
if opened >= 2 ^ 53 then return {'beyond', exact(opened)} end
redis.call('HSET', epochs, fleet, exact(opened))
redis.call('HSET', holders, fleet, holder)
return {'ok', exact(opened)}
`,
})

/** Opens a term above every epoch that the store, the labels and the clock know of (I6). */
export async function openTerm(
  data: Data,
  fleet: string,
  holder: string,
  largestLabel: number,
  nowMs: number,
): Promise<Epoch> {
  const refusal = (epoch: unknown) =>
    new RangeError(`fleet ${fleet}: ${epoch} is no epoch; the largest label is ${largestLabel}`)
  const least = nextEpoch(0, largestLabel, Math.ceil(nowMs))
  if (!Number.isSafeInteger(least)) throw refusal(least)
  const [word, opened] = await data.run(OPEN_TERM, fleet, { fleet, holder, least })
  if (word !== 'ok') throw refusal(opened)
  return Number(opened) as Epoch
}
