import { StoreUnavailable } from '../../src/store/errors.ts'
import type { Store } from '../../src/store/store.ts'
import type { Clock } from '../../src/time/clock.ts'
import { serverTime } from './server-time.ts'
import type { SimProcess } from './sim-process.ts'
import type { StoreWorld } from './store-world.ts'

type Method = Exclude<keyof Store, symbol>

/** The methods that change what is remembered. */
const WRITES: ReadonlySet<string> = new Set<Method>([
  'openTerm',
  'mark',
  'noteReady',
  'forget',
  'setBackoff',
  'setRollout',
  'setNodeNote',
  'publish',
  'dropFleet',
  'addRequest',
  'removeRequest',
  'endRequest',
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
  /** The caller is paused before it goes out; it does when the caller runs again. */
  | 'stalls'
  | undefined

export interface StoreCall {
  readonly method: string
  readonly args: readonly unknown[]
  readonly by: string
  readonly isWrite: boolean
  /** When its sender made it, world's Unix ms. */
  readonly askedAt: number
}

export interface StoreHooks {
  /** Before the call: the place of a fault, or of a crash. */
  before(call: StoreCall): StoreFate
  /** After it was carried out. */
  after(call: StoreCall, result: unknown): void
  /** ms on the way there, and as long back. */
  latencyMs(): number
  readonly clock: Clock
  readonly server: Pick<StoreWorld, 'state' | 'whenUp' | 'aheadMs'>
}

/** A client gives up on an answer then, ms. */
const LIMIT_MS = 1_000
/** So often a client compares its clock with the server's; and at once when its own was set, ms. */
const COMPARE_MS = 10_000

type AnyMethod = (...args: unknown[]) => Promise<unknown>

/** Nothing ever arrives at a process that is dead, and it does nothing. */
const never = new Promise<never>(() => {})

const whenRunning = (process: SimProcess) =>
  new Promise<void>((resolve) => process.deliver(() => resolve()))

/** One process's client of a store that outlives it. What was sent is carried out though its sender is paused or dies. */
export function storeClient(
  store: Store,
  process: SimProcess,
  { before, after, latencyMs, clock, server }: StoreHooks,
): Store {
  const travel = async (ms: number) => {
    if (ms > 0) await clock.sleep(ms)
  }
  let compared = { at: -Infinity, ownMs: 0, serverMs: 0 }
  const skewMs = () => {
    const [at, ownMs] = [clock.monotonic(), process.wallAheadMs]
    if (at - compared.at >= COMPARE_MS || ownMs !== compared.ownMs)
      compared = { at, ownMs, serverMs: server.aheadMs }
    return ownMs - compared.serverMs
  }
  const call = async (method: Method, args: readonly unknown[]): Promise<unknown> => {
    if (process.state === 'dead') return await never
    const time = serverTime(skewMs())
    const askedAt = clock.now()
    const sent = time.sent(method, args)
    const about = { method, args: sent, by: process.name, isWrite: WRITES.has(method), askedAt }
    const fate = before(about)
    if (fate === 'diesBefore') return await never
    if (fate === 'stalls') await whenRunning(process)
    const ms = fate === 'diesAfter' ? 0 : latencyMs()
    await travel(ms)
    if (fate !== 'fails' && server.state !== 'refuses') {
      const done = server.whenUp().then(() => carryOut(store, about, after))
      const isLate = server.state === 'frozen'
      const limit = isLate ? process.clock.sleep(LIMIT_MS) : undefined
      const outcome = await (limit === undefined ? done : Promise.race([done, limit]))
      await travel(ms)
      await whenRunning(process)
      if (outcome !== undefined && fate !== 'losesReply') return time.heard(method, outcome())
    }
    await whenRunning(process)
    const how = fate === 'fails' ? 'not carried out' : 'no reply'
    throw new StoreUnavailable(`store ${method}: ${how}`)
  }
  return new Proxy(store, {
    get: (target, name) =>
      typeof name === 'symbol'
        ? Reflect.get(target, name)
        : (...args: unknown[]) => call(name as Method, args),
  })
}

/** What the store answers, to be heard when the answer has arrived. */
async function carryOut(
  store: Store,
  about: StoreCall,
  after: StoreHooks['after'],
): Promise<() => unknown> {
  try {
    const result = await (store[about.method as Method] as AnyMethod).apply(store, [...about.args])
    after(about, result)
    return () => result
  } catch (error) {
    return () => {
      throw error
    }
  }
}
