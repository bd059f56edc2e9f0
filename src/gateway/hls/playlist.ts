import type { BufferLimits } from '../fanout/shared-buffer.ts'
import type { Segment, Segments } from './segmenter.ts'

/** What is kept of a session while somebody watches it as HLS. Times are monotonic, ms. */
export interface Kept {
  /** Position after the newest byte. */
  readonly end: number
  readonly limits: BufferLimits
  arrivedAt(position: number): number
}

/** Players begin three target durations before the end, and none is longer than 10 s. */
const LIST_S = 32
/**
 * What is in the last quarter of the buffer's age or size is not listed any more, so that who has just read a list finds
 * what it names.
 */
const LISTED_PART = 0.75

/** The segments that a list of this moment names, oldest first; the newest one always. */
export function listedSegments({ segments }: Segments, kept: Kept, now: number): Segment[] {
  const { end, limits, arrivedAt } = kept
  const listed: Segment[] = []
  let seconds = 0
  for (const segment of segments.toReversed()) {
    const isOld = now - arrivedAt(segment.from) > limits.maxAgeMs * LISTED_PART
    const isFar = end - segment.from > limits.maxBytes * LISTED_PART
    if (listed.length > 0 && (isOld || isFar || seconds >= LIST_S)) break
    listed.unshift(segment)
    seconds += segment.durationS
  }
  return listed
}

/**
 * A live media playlist (RFC 8216). Without dates, which would be those of arrival: a source that sends its first half
 * minute at once would make them contradict the durations.
 */
export function playlistText(
  listed: readonly Segment[],
  targetS: number,
  firstNumber: number,
  urlOf: (segment: Segment) => string,
): string {
  const [first] = listed
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:3',
    `#EXT-X-TARGETDURATION:${targetS}`,
    `#EXT-X-MEDIA-SEQUENCE:${firstNumber + (first?.index ?? 0)}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${first?.discontinuities ?? 0}`,
    ...listed.flatMap((segment) => [
      ...(segment.isDiscontinuity ? ['#EXT-X-DISCONTINUITY'] : []),
      `#EXTINF:${segment.durationS.toFixed(5)},`,
      urlOf(segment),
    ]),
  ]
  return lines.join('\n')
}
