import { type Clock, makeClock } from '../../src/time/clock.ts'

/**
 * A simulated process: its timers fire, and the answers to its calls arrive, only while it runs. Paused (SIGSTOP) it
 * gets them at resume; killed (SIGKILL) it never does.
 */
export interface SimProcess {
  readonly name: string
  /** The clock that this process's code must use. Reading it goes on while paused, as a real clock does. */
  readonly clock: Clock
  readonly state: 'running' | 'paused' | 'dead'
  pause(): void
  /** What came meanwhile is delivered, one turn each. After a real SIGCONT either kind may come first. */
  resume(first?: 'io' | 'timers'): void
  kill(): void
  /** Its wall clock is set: this much ahead of the world's, ms. */
  wallAheadMs: number
  /** Runs `arrive` as I/O of this process: now, at resume, or never. */
  deliver(arrive: () => void): void
}

/** Builds a running process. */
export function makeSimProcess(name: string, base: Clock): SimProcess {
  let state: SimProcess['state'] = 'running'
  let heldTimers: (() => void)[] = []
  let heldIo: (() => void)[] = []

  /** Runs it now unless paused meanwhile (then it is held) or dead. */
  function arrive(held: () => (() => void)[], run: () => void): void {
    if (state === 'running') run()
    else if (state === 'paused') held().push(run)
  }
  const timers = () => heldTimers
  const io = () => heldIo

  const clock = makeClock({
    now: () => base.now() + process.wallAheadMs,
    monotonic: () => base.monotonic(),
    timer: (ms, fire) => {
      let disposed = false
      const run = () => {
        if (!disposed) fire()
      }
      const timer = base.timer(ms, () => arrive(timers, run))
      return {
        [Symbol.dispose]: () => {
          disposed = true
          timer[Symbol.dispose]()
        },
      }
    },
  })

  const process: SimProcess = {
    name,
    clock,
    wallAheadMs: 0,
    get state() {
      return state
    },
    pause: () => {
      if (state === 'running') state = 'paused'
    },
    resume: (first = 'io') => {
      if (state !== 'paused') return
      state = 'running'
      const ioRuns = heldIo.map((run) => () => arrive(io, run))
      const timerRuns = heldTimers.map((run) => () => arrive(timers, run))
      heldIo = []
      heldTimers = []
      const runs = first === 'io' ? [...ioRuns, ...timerRuns] : [...timerRuns, ...ioRuns]
      for (const run of runs) base.timer(0, run)
    },
    kill: () => {
      state = 'dead'
      heldIo = []
      heldTimers = []
    },
    deliver: (run) => arrive(io, run),
  }
  return process
}
