import { machineNow } from './channel.ts'

const RealDate = Date
let offsetMs = 0

/** Puts the wall clock of this process so far off the machine's, as a step of NTP would. Monotonic time goes on. */
export function stepWallClock(ms: number): void {
  offsetMs = ms
  if (globalThis.Date === RealDate) globalThis.Date = SteppedDate as DateConstructor
}

class SteppedDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(SteppedDate.now())
    else super(...(given as [number]))
  }

  static override now(): number {
    return machineNow() + offsetMs
  }
}
