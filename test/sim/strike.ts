import type { ControllerRun } from './controller-process.ts'
import type { Crash, Fate } from './fate.ts'
import type { Random } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** How long a pause is that outlasts a lease, ms. */
const PAUSE_MS = [7_000, 18_000] as const

/** And how long its end is felt: another term begins, ms. */
const SHAKEN_MS = 3_000

export interface StrikeParts {
  readonly clock: VirtualClock
  readonly random: Random
  readonly say: (who: string, line: string) => void
  readonly runOf: (process: string) => ControllerRun | undefined
  readonly fate: () => Fate
}

/** Kills and pauses controllers where their fate says so. */
export interface Strike {
  /** At a change of the world's or the store's, about to be sent; `before`: it never is. */
  atChange(by: string, what: string): Exclude<Crash, 'pause'> | undefined
  /** At a call that reads. */
  atLook(by: string, what: string): void
  /** Monotonic ms until which what was held up may still have its effect. */
  lateUntil(): number
}

export function makeStrike({ clock, random, say, runOf, fate }: StrikeParts): Strike {
  let lateUntil = 0

  function pause({ process }: ControllerRun, how: string): void {
    say(process.name, `IS PAUSED ${how}`)
    process.pause()
    const first = random.pick(['io', 'timers'] as const)
    const pauseMs = random.int(...PAUSE_MS)
    clock.timer(pauseMs, () => process.resume(first))
    lateUntil = Math.max(lateUntil, clock.monotonic() + pauseMs + SHAKEN_MS)
  }

  return {
    atChange(by, what) {
      const run = runOf(by)
      if (run === undefined) return undefined
      if (run.process.state === 'dead') return 'before'
      const crash = fate().crash(what, by)
      if (crash === undefined) return undefined
      if (crash === 'pause' || crash === 'stall') {
        pause(run, crash === 'pause' ? `after ${what}` : `amid ${what}`)
        return crash === 'stall' ? crash : undefined
      }
      say(by, `DIES ${crash} ${what}`)
      run.kill()
      return crash
    },
    atLook(by, what) {
      const run = runOf(by)
      if (run !== undefined && fate().pausesAtLook(by)) pause(run, `after ${what}`)
    },
    lateUntil: () => lateUntil,
  }
}
