import { makeSegmenter, type Segments } from '../hls/segmenter.ts'
import { type Content, makeAligner } from '../ts/aligner.ts'
import { nullPackets } from '../ts/compose.ts'
import { type EntryPoint, joinPreamble, skipPreamble } from '../ts/entry-point.ts'
import { makeScanner } from '../ts/scanner.ts'
import { makeSplicer } from '../ts/splicer.ts'
import type { Cursor } from './cursor.ts'
import { type BufferLimits, makeSharedBuffer, type SharedBuffer } from './shared-buffer.ts'

/** One session's bytes, from whichever upstream, and its viewers' places in them. Times are monotonic, ms. */
export interface Feed {
  readonly buffer: SharedBuffer
  /** What viewers get; never `refused`. Other content than a transport stream cannot be spliced, nor skipped in. */
  readonly content: Content
  /** What the present upstream turned out to be. If viewers get another kind, nothing of it is handed on. */
  readonly upstream: Content
  /** Bits per second by the stream's own clock. */
  readonly bitrate: number | undefined
  /** Packets lost before they came here, as gaps in their counters. */
  readonly continuityErrors: number
  /** Those whose first byte is still kept; of other content than a transport stream there are none. */
  readonly segments: Segments
  /** `chunk` is written to, and may be used again afterwards. Says how many bytes viewers got of it. */
  push(chunk: Buffer, now: number): number
  /** The upstream is over, another follows; its torn packet is dropped. False if that cannot be: not a transport stream. */
  cut(): boolean
  /** A relay's connection broke; over another one the same bytes go on, from `buffer.end`: they are not to be spliced. */
  reattach(): void
  /** Keeps players alive while there is no upstream. Not for other content: it does nothing then. */
  fill(packets: number, now: number): void
  /** Nothing follows: viewers read to the end. */
  end(now: number): void
  /**
   * A new viewer: at the newest entry point that is at least `backlogMs` old, else at the oldest one. Without any, at the
   * session's first byte while that is kept, and then now, with the tables.
   */
  join(backlogMs: number, now: number): Cursor
  /** A relay that has read up to here; undefined if that is gone, or has not come yet. */
  resume(position: number): Cursor | undefined
  /** Takes a viewer who fell behind to the newest entry point ahead of it, or else to now. False for other content. */
  skip(cursor: Cursor): boolean
}

/** Where a relay begins in the owner's session. */
export interface Origin {
  readonly position: number
  /** What the owner's cursor was given first: tables and counters. It is not handed on as part of the session. */
  readonly preamble: Buffer
}

export function makeFeed(limits: BufferLimits, origin?: Origin): Feed {
  const first = origin?.position ?? 0
  const buffer = makeSharedBuffer(limits, first)
  const segmenter = makeSegmenter()
  const scanner = makeScanner(segmenter)
  if (origin !== undefined) scanner.scan(origin.preamble, first - origin.preamble.length)
  const splicer = makeSplicer()
  let aligner = makeAligner()
  let content: Content = { kind: 'undecided' }

  function emit(packets: Buffer, now: number): void {
    const points = scanner.scan(packets, buffer.end)
    buffer.append(packets, now)
    for (const point of points) buffer.mark(point)
    segmenter.forget(buffer.start)
  }

  function take(pieces: readonly Buffer[], now: number): number {
    const before = buffer.end
    const { kind } = aligner.content
    if (content.kind === 'undecided' && kind !== 'refused') content = aligner.content
    if (kind !== content.kind) return 0
    for (const piece of pieces) {
      if (kind === 'other') buffer.append(piece, now)
      else for (const packets of splicer.push(piece)) emit(packets, now)
    }
    return buffer.end - before
  }

  /** Ahead of `position`, the newest one: whoever has to skip should not have to again soon. */
  function pointAhead(position: number): EntryPoint {
    const newest = buffer.entryPoints.at(-1)
    return newest !== undefined && newest.position > position ? newest : scanner.here()
  }

  return {
    buffer,
    get content() {
      return content
    },
    get upstream() {
      return aligner.content
    },
    segments: segmenter,
    get bitrate() {
      return scanner.bitrate
    },
    get continuityErrors() {
      return scanner.continuityErrors
    },
    push: (chunk, now) => take(aligner.push(chunk), now),
    cut: () => {
      if (content.kind === 'other') return false
      aligner = makeAligner()
      if (content.kind === 'transport-stream') splicer.cut(scanner.here())
      return true
    },
    reattach: () => {
      if (content.kind !== 'other') aligner = makeAligner()
    },
    fill: (packets, now) => {
      if (content.kind === 'transport-stream') emit(nullPackets(packets), now)
    },
    end: (now) => {
      take(aligner.end(), now)
      buffer.close()
    },
    join: (backlogMs, now) => {
      const points = buffer.entryPoints
      const isOld = ({ position }: EntryPoint) => now - buffer.arrivedAt(position) >= backlogMs
      const point = points.findLast(isOld) ?? points[0]
      if (point !== undefined) return buffer.open(point.position, joinPreamble(point))
      if (buffer.start === first) return buffer.open(first, origin?.preamble)
      const here = content.kind === 'other' ? undefined : joinPreamble(scanner.here())
      return buffer.open(buffer.end, here)
    },
    resume: (position) =>
      position < buffer.start || position > buffer.end ? undefined : buffer.open(position),
    skip: (cursor) => {
      if (content.kind !== 'transport-stream') return false
      const point = pointAhead(cursor.position)
      cursor.moveTo(point.position, skipPreamble(point))
      return true
    },
  }
}
