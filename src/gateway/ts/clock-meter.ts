import { CLOCK_HZ, CLOCK_WRAP } from './packet.ts'

/** Knows a stream's rate by its clock references. Positions are bytes, clocks ticks of 27 MHz. */
export interface ClockMeter {
  /** A reference at this position; `isBreak`: it begins a new time base. */
  note(clock: number, position: number, isBreak: boolean): void
  /** What the clock reads at this position, by the last reference and the rate. */
  clockAt(position: number): number | undefined
  /** Bits per second over the last seconds of stream time. */
  readonly bitrate: number | undefined
}

/** References are at most 100 ms apart; a longer step is a gap or a new time base, and no measure of a rate. */
const LONGEST_STEP = CLOCK_HZ
/** Long enough to level out I pictures, short enough to follow a change. */
const WINDOW = 2 * CLOCK_HZ
/** Less than this says nothing of a rate. */
const SHORTEST_SPAN = CLOCK_HZ / 20

interface Reference {
  readonly clock: number
  readonly position: number
}

export function makeClockMeter(): ClockMeter {
  /** The beginnings of this window and of the one before, so that there is always a whole one to look back on. */
  let anchors: readonly Reference[] = []
  let last: Reference | undefined

  function ticksPerByte(): number | undefined {
    const first = anchors[0]
    if (first === undefined || last === undefined) return undefined
    const ticks = since(first.clock, last.clock)
    const bytes = last.position - first.position
    return ticks < SHORTEST_SPAN || bytes <= 0 ? undefined : ticks / bytes
  }

  return {
    note: (clock, position, isBreak) => {
      const reference = { clock, position }
      const step = last === undefined ? 0 : since(last.clock, clock)
      if (last === undefined || isBreak || step > LONGEST_STEP) anchors = [reference]
      else {
        const newest = anchors.at(-1) ?? reference
        if (since(newest.clock, clock) > WINDOW) anchors = [newest, reference]
      }
      last = reference
    },
    clockAt: (position) => {
      if (last === undefined) return undefined
      if (last.position === position) return last.clock
      const rate = ticksPerByte()
      return rate === undefined ? undefined : last.clock + (position - last.position) * rate
    },
    get bitrate() {
      const rate = ticksPerByte()
      return rate === undefined ? undefined : Math.round((8 * CLOCK_HZ) / rate)
    },
  }
}

function since(from: number, to: number): number {
  return (to - from + CLOCK_WRAP) % CLOCK_WRAP
}
