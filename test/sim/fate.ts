import type { Call, Fault } from './fake-docker.ts'
import type { StoreFate } from './sim-store.ts'

/**
 * What becomes of a process at a side effect: it dies before it is sent or right after; or it is paused beyond its lease,
 * right after, or amid it (`stall`): the call has been handed on behind the guard, and is sent at resume.
 */
export type Crash = 'before' | 'after' | 'pause' | 'stall'

/** What befalls the side effects of controllers; settable while the world goes on. */
export interface Fate {
  docker: (call: Call) => Fault | undefined
  store: (isWrite: boolean) => StoreFate
  storeLatencyMs: () => number
  /** Asked at each side effect: a change of Docker's or the store's, before it is sent. */
  crash: (what: string, by: string) => Crash | undefined
  /** Asked at each reading call: whether the process is paused then. */
  pausesAtLook: (by: string) => boolean
}

/** Nothing does. */
export const CALM: Fate = {
  docker: () => undefined,
  store: () => undefined,
  storeLatencyMs: () => 0,
  crash: () => undefined,
  pausesAtLook: () => false,
}

/** How long a call that this befalls may still have consequences: until it lands, or its caller gives it up and retries, ms. */
export function delayOf(fault: Fault | undefined, isChange: boolean): number {
  if (fault?.kind === 'slow') return fault.requestMs ?? fault.replyMs ?? 0
  if (fault?.kind === 'hang') return isChange ? 28_000 : 21_000
  return 0
}
