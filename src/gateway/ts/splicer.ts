import type { EntryPoint } from './entry-point.ts'
import { makeSeam, type Seam } from './seam.ts'
import { makeSeeker, type Seeker } from './seeker.ts'

/**
 * Joins one upstream after the other to one stream. The first one passes untouched; so does a later one that goes on as
 * the one before would have. Otherwise four bits of each packet are rewritten where they stand.
 */
export interface Splicer {
  /** Whole packets in, whole packets out: pieces of `chunk` itself, which is written to, and of what was held back. */
  push(chunk: Buffer): readonly Buffer[]
  /** A new upstream follows; `before` is the end of what has gone out. */
  cut(before: EntryPoint): void
  /** `seeking`: waiting for the new upstream's first entry point; nothing goes out. */
  readonly mode: 'passing' | 'seeking' | 'rewriting'
}

/** Some seconds of a rich stream, a fraction of what an engine sends at once when it begins (22 MB in 12 s). */
const SEEK_BYTES = 4 * 1024 * 1024

/** `seekBytes`: so much of a new upstream is searched for an entry point before it is taken as it is. */
export function makeSplicer(seekBytes = SEEK_BYTES): Splicer {
  let before: EntryPoint | undefined
  let seeker: Seeker | undefined
  let seam: Seam | undefined

  function seek(chunk: Buffer, from: EntryPoint, by: Seeker): readonly Buffer[] {
    const start = by.push(chunk)
    if (start === undefined) return []
    seeker = undefined
    seam = makeSeam(from, start)
    const pieces = [seam.preamble, ...seam.apply(start.packets)]
    return pieces.filter(({ length }) => length > 0)
  }

  return {
    push: (chunk) => {
      if (seeker !== undefined && before !== undefined) return seek(chunk, before, seeker)
      if (seam?.isDone) seam = undefined
      return seam === undefined ? [chunk] : seam.apply(chunk)
    },
    cut: (point) => {
      before = point
      seam = undefined
      seeker = makeSeeker(seekBytes)
    },
    get mode() {
      if (seeker !== undefined) return 'seeking'
      return seam === undefined || seam.isDone ? 'passing' : 'rewriting'
    },
  }
}
