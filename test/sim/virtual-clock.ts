import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Clock, makeClock } from '../../src/time/clock.ts'
import { makeSimProcess, type SimProcess } from './sim-process.ts'

/** How many timers may fire at one instant before the run is called a livelock. */
const LIVELOCK_TIMERS = 100_000

/** 2026-01-01T00:00:00Z, where virtual wall clocks begin. */
const EPOCH_MS = Date.UTC(2026, 0, 1)

interface Timer {
  readonly due: number
  readonly sequence: number
  fire: (() => void) | undefined
}

/**
 * Time that moves only when told to. Timers fire in the order of (due time, order of setting), and all microtasks
 * and ready turns run between two of them, so that a run depends on nothing but its inputs.
 */
export interface VirtualClock extends Clock {
  /** Lets all that is ready run, without moving time. */
  settle(): Promise<void>
  /** Moves time on by `ms`, firing what falls due. */
  advance(ms: number): Promise<void>
  /** Fires timers until the predicate holds; false when `limitMs` of virtual time went by first. */
  runUntil(predicate: () => boolean, limitMs: number): Promise<boolean>
  /** Steps the wall clock, not the monotonic one. */
  stepWall(ms: number): void
  /** Timers not yet fired or disposed. */
  readonly pending: number
  /** A process living on this time, that can be paused and killed. */
  process(name: string): SimProcess
}

class Schedule {
  /** Sorted by (due, sequence); owned by this class. Disposed timers stay until due, without their `fire`. */
  readonly #timers: Timer[] = []
  #sequence = 0
  pending = 0

  add(due: number, fire: () => void): Disposable {
    const timer: Timer = { due, sequence: this.#sequence++, fire }
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#timers[middle]?.due ?? Infinity) <= due) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
    this.pending += 1
    return {
      [Symbol.dispose]: () => {
        if (timer.fire !== undefined) this.pending -= 1
        timer.fire = undefined
      },
    }
  }

  /** Takes the first live timer that is due by then. */
  take(until: number): { due: number; fire: () => void } | undefined {
    for (;;) {
      const first = this.#timers[0]
      if (first === undefined || first.due > until) return undefined
      this.#timers.shift()
      const fire = first.fire
      if (fire === undefined) continue
      first.fire = undefined
      this.pending -= 1
      return { due: first.due, fire }
    }
  }
}

/** Builds a clock that stands still at `startMs` of wall time and 0 ms of monotonic time. */
export function makeVirtualClock(startMs: number = EPOCH_MS): VirtualClock {
  const schedule = new Schedule()
  let elapsed = 0
  let wallOffset = startMs
  let atThisInstant = 0

  const clock = makeClock({
    now: () => wallOffset + elapsed,
    monotonic: () => elapsed,
    timer: (ms, fire) => schedule.add(elapsed + Math.max(0, ms), fire),
  })

  async function step(until: number): Promise<boolean> {
    const next = schedule.take(until)
    if (next === undefined) return false
    atThisInstant = next.due > elapsed ? 0 : atThisInstant + 1
    if (atThisInstant > LIVELOCK_TIMERS)
      throw new Error(`virtual time stands still at ${elapsed} ms`)
    elapsed = Math.max(elapsed, next.due)
    next.fire()
    await nextTurn()
    return true
  }

  async function runUntil(predicate: () => boolean, limitMs: number): Promise<boolean> {
    const end = elapsed + limitMs
    await nextTurn()
    while (!predicate()) {
      if (await step(end)) continue
      elapsed = end
      return predicate()
    }
    return true
  }

  const virtual: VirtualClock = {
    ...clock,
    settle: async () => {
      await nextTurn()
    },
    advance: async (ms) => {
      await runUntil(() => false, ms)
    },
    runUntil,
    stepWall: (ms) => {
      wallOffset += ms
    },
    get pending() {
      return schedule.pending
    },
    process: (name) => makeSimProcess(name, virtual),
  }
  return virtual
}
