import { StoreUnavailable } from '../../src/store/errors.ts'
import type { Store } from '../../src/store/store.ts'
import type { SimProcess } from './sim-process.ts'

type Method = Exclude<keyof Store, symbol>

/** The methods that change what is remembered. */
const WRITES: ReadonlySet<string> = new Set<Method>([
  'openTerm',
  'mark',
  'noteReady',
  'forget',
  'setBackoff',
  'setRollout',
  'publish',
  'dropFleet',
  'addRequest',
  'removeRequest',
  'acceptSpec',
  'appendEvents',
  'reserve',
  'release',
])

/** What befalls one call of the store. */
export type StoreFate =
  /** Not carried out. */
  | 'fails'
  /** Carried out; the caller is told that it failed. */
  | 'losesReply'
  /** The caller dies, and it is not carried out, or it is. */
  | 'diesBefore'
  | 'diesAfter'
  | undefined

export interface StoreCall {
  readonly method: string
  readonly args: readonly unknown[]
  readonly by: string
  readonly isWrite: boolean
}

export interface StoreHooks {
  /** Before the call: the place of a fault, or of a crash. */
  before(call: StoreCall): StoreFate
  /** After it was carried out. */
  after(call: StoreCall, result: unknown): void
  /** ms on the way there and back. */
  latencyMs(): number
}

type AnyMethod = (...args: unknown[]) => Promise<unknown>

/** Nothing ever arrives at a process that is dead, and it does nothing. */
const never = new Promise<never>(() => {})

/** One process's client of a store that outlives it. */
export function storeClient(store: Store, process: SimProcess, hooks: StoreHooks): Store {
  const call = async (method: Method, args: readonly unknown[]): Promise<unknown> => {
    if (process.state === 'dead') return await never
    const about = { method, args, by: process.name, isWrite: WRITES.has(method) }
    const fate = hooks.before(about)
    if (fate === 'diesBefore') return await never
    const latencyMs = fate === 'diesAfter' ? 0 : hooks.latencyMs()
    if (latencyMs > 0) await process.clock.sleep(latencyMs)
    if (fate === 'fails') throw new StoreUnavailable(`store ${method}: not carried out`)
    const result = await (store[method] as AnyMethod).apply(store, [...args])
    hooks.after(about, result)
    if (fate === 'diesAfter') return await never
    if (latencyMs > 0) await process.clock.sleep(latencyMs)
    if (fate === 'losesReply') throw new StoreUnavailable(`store ${method}: no reply`)
    return result
  }
  return new Proxy(store, {
    get: (target, name) =>
      typeof name === 'symbol'
        ? Reflect.get(target, name)
        : (...args: unknown[]) => call(name as Method, args),
  })
}
