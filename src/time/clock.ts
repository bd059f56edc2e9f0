/** Where time comes from: the machine's, or a simulation's virtual one. Nothing else reads clocks or sets timers. */
export interface Clock {
  /** Unix ms by the wall clock. */
  now(): number
  /** ms by a clock that never steps. */
  monotonic(): number
  /** Calls `fire` once after `ms`, unless disposed first. */
  timer(ms: number, fire: () => void): Disposable
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

function sleepOn(clock: Pick<Clock, 'timer'>, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      timer[Symbol.dispose]()
      reject(signal?.reason)
    }
    const timer = clock.timer(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Builds a whole clock from its three primitives. */
export function makeClock(base: Omit<Clock, 'sleep'>): Clock {
  return { ...base, sleep: (ms, signal) => sleepOn(base, ms, signal) }
}

/** The machine's clock. */
export const systemClock: Clock = makeClock({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer: (ms, fire) => {
    const handle = setTimeout(fire, ms)
    return { [Symbol.dispose]: () => clearTimeout(handle) }
  },
})
