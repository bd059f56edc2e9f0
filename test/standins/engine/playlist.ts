import { cyclesIn, makeTransportStream } from './transport-stream.ts'

const segmentS = 4

/** Segments in a list: three whole ones behind the one that is being made. */
const window = 3

/** A live HLS list, version 3. Segments are numbered by the wall clock, so that nothing has to be kept or timed. */
export function makePlaylist(infohash: string, base: string, nowMs: number): string {
  const first = Math.floor(nowMs / 1000 / segmentS) - window
  const segments = Array.from(
    { length: window },
    (_, n) => `#EXTINF:${segmentS}.000,\n${base}/ace/c/${infohash}/${first + n}.ts\n`,
  )
  const head = [
    '#EXTM3U',
    '#EXT-X-VERSION:3',
    `#EXT-X-TARGETDURATION:${segmentS}`,
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
  ]
  return `${head.join('\n')}\n${segments.join('')}`
}

/** One segment: the same number has the same bytes, and continues the one before. */
export function makeSegment(number: number, bitrate: number): Buffer {
  const cycles = Math.max(1, cyclesIn(segmentS * 1000, bitrate))
  return makeTransportStream(bitrate, number * cycles).take(cycles)
}
