import type { EntryPoint } from '../ts/entry-point.ts'
import { CLOCK_HZ, CLOCK_WRAP } from '../ts/packet.ts'
import type { ClockReference, ScanListener } from '../ts/scanner.ts'

/** A piece of a session that players fetch at once. Pieces touch: each byte from the first one on is in exactly one. */
export interface Segment {
  /** Counted since the session began. */
  readonly index: number
  /** Positions in the session. */
  readonly from: number
  readonly to: number
  /** By the stream's own clock. */
  readonly durationS: number
  /** What a decoder that begins here has to be told first. */
  readonly point: EntryPoint
  /** It begins a new time base, or another engine's bytes. */
  readonly isDiscontinuity: boolean
  /** How many such there were before it. */
  readonly discontinuities: number
}

/** What may be known of a session's segments. */
export interface Segments {
  /** Oldest first. */
  readonly segments: readonly Segment[]
  /** No segment is longer, rounded. Settled with the first one, for players may not see it change; undefined before. */
  readonly targetS: number | undefined
}

/** Cuts a session into segments. What it cuts follows from the packets alone, whatever chunks they come in. */
export interface Segmenter extends Segments, ScanListener {
  /** Forgets segments that begin before this position. */
  forget(position: number): void
}

/** A segment ends at the first entry point after 4 s; between references clocks are estimates, and one at 3.99 s is meant. */
const CUT = 3.9 * CLOCK_HZ
/** Pictures that stand alone come each second or two; encoders left to themselves send one each 10 s. */
const TARGET_S = { least: 6, most: 10 }
/** Within a target duration of 6 a segment may last 6.49 s: durations are rounded. References are 0.1 s apart. */
const SLACK = 0.4 * CLOCK_HZ
/** Nothing shorter is worth a request: what came between two breaks goes with what follows. */
const SHORTEST = CLOCK_HZ / 5
/** An entry nearer than this to a segment's beginning makes no good end for it. */
const SHORT = CLOCK_HZ
/** References are at most 0.1 s apart: a longer step, or one back, is a new time base that nobody told of. */
const LONGEST_STEP = CLOCK_HZ

/** A place where a segment begins or could; `at`: ticks since the session's first reference, breaks left out. */
interface Mark {
  readonly point: EntryPoint
  readonly at: number
}

export function makeSegmenter(): Segmenter {
  let segments: Segment[] = []
  let targetS: number | undefined
  let index = 0
  let discontinuities = 0
  let start: Mark | undefined
  let isBroken = false
  /** The newest entry since the start that came too early to cut. */
  let entry: Mark | undefined
  let last: ClockReference | undefined
  let now = 0

  function begin(mark: Mark, isBreak: boolean): void {
    start = mark
    isBroken = isBreak
    entry = undefined
  }

  function cut(from: Mark, to: Mark, isBreak: boolean): void {
    const durationS = (to.at - from.at) / CLOCK_HZ
    const { position } = from.point
    segments.push({
      ...{ index, from: position, to: to.point.position, durationS, point: from.point },
      ...{ isDiscontinuity: isBroken, discontinuities },
    })
    targetS ??= Math.min(TARGET_S.most, Math.max(TARGET_S.least, Math.ceil(durationS)))
    index += 1
    if (isBroken) discontinuities += 1
    begin(to, isBreak)
  }

  /** When a point of the present time base is; the last reference's time where its clock cannot be told. */
  function timeOf({ clock, position }: EntryPoint): number {
    if (clock === undefined || last === undefined || last.position === position) return now
    const passed = ((clock - last.clock + 1.5 * CLOCK_WRAP) % CLOCK_WRAP) - CLOCK_WRAP / 2
    return Math.abs(passed) > LONGEST_STEP ? now : now + passed
  }

  /** The old segment ends where the new time base begins: at its entry, if that came before its first reference. */
  function onBreak(before: ClockReference, reference: ClockReference): void {
    if (start === undefined) return
    if (now - start.at < SHORTEST) {
      // It lasts from here on: a clock that leaps all the time tells no durations.
      begin({ ...start, at: now }, true)
      return
    }
    const isNew = entry !== undefined && entry.point.position > before.position
    const point = isNew && entry !== undefined ? entry.point : reference.here()
    cut(start, { point, at: now }, true)
  }

  /** However long no entry comes, a segment ends some time. */
  function onTime(reference: ClockReference): void {
    const limit = (targetS ?? TARGET_S.most) * CLOCK_HZ + SLACK
    if (start === undefined) {
      if (now >= limit) begin({ point: reference.here(), at: now }, false)
    } else if (now - start.at >= limit) {
      const isGood = entry !== undefined && entry.at - start.at >= SHORT
      const end = isGood && entry !== undefined ? entry : { point: reference.here(), at: now }
      cut(start, end, false)
    }
  }

  return {
    get segments() {
      return segments
    },
    get targetS() {
      return targetS
    },
    onEntry: (point) => {
      const mark = { point, at: timeOf(point) }
      if (start === undefined) begin(mark, false)
      else if (point.position <= start.point.position) return
      else if (mark.at - start.at >= CUT) cut(start, mark, false)
      else entry = mark
    },
    onClock: (reference) => {
      const before = last
      last = reference
      if (before === undefined) return
      const step = (reference.clock - before.clock + CLOCK_WRAP) % CLOCK_WRAP
      if (reference.isBreak || step > LONGEST_STEP) onBreak(before, reference)
      else {
        now += step
        onTime(reference)
      }
    },
    forget: (position) => {
      if ((segments[0]?.from ?? position) >= position) return
      segments = segments.filter(({ from }) => from >= position)
    },
  }
}
