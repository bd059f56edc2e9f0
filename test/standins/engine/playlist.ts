import type { Channel } from './channel.ts'
import type { Traits } from './traits.ts'

/**
 * A content in HLS segments of whole keyframes, numbered by the content's own clock: nothing has to be kept or timed,
 * a number has the same bytes in each engine, and continues the number before.
 */
export interface Segments {
  /** A live list, version 3, whose segments are all past. */
  list(origin: string, unixMs: number): string
  /** Undefined: it is not in the list any more, or not yet. */
  read(number: number, unixMs: number): Buffer | undefined
}

/** A segment that has just left the list may still be asked for by who has read the list a moment ago. */
const graceSegments = 2

export function makeSegments(infohash: string, channel: Channel, traits: Traits): Segments {
  const segmentMs = traits.keyframeMs * traits.segmentKeyframes
  const bytes = Math.round((channel.bytesPerS * segmentMs) / 1000)
  const current = (unixMs: number) => Math.floor(channel.placeAt(unixMs - traits.lagMs) / bytes)
  const prefixes = { absolute: '', rooted: `/ace/c/${infohash}/`, relative: `../../c/${infohash}/` }
  return {
    list: (origin, unixMs) => {
      const first = current(unixMs) - traits.segments
      const { segmentUrls } = traits
      const rooted = `${origin}${prefixes.rooted}`
      const prefix = segmentUrls === 'absolute' ? rooted : prefixes[segmentUrls]
      const entries = Array.from(
        { length: traits.segments },
        (_, n) => `#EXTINF:${(segmentMs / 1000).toFixed(3)},\n${prefix}${first + n}.ts\n`,
      )
      const head = [
        '#EXTM3U',
        '#EXT-X-VERSION:3',
        `#EXT-X-TARGETDURATION:${Math.ceil(segmentMs / 1000)}`,
        `#EXT-X-MEDIA-SEQUENCE:${first}`,
      ]
      return `${head.join('\n')}\n${entries.join('')}`
    },
    read: (number, unixMs) => {
      const now = current(unixMs)
      const isListed = number < now && number >= now - traits.segments - graceSegments
      return isListed ? channel.read(number * bytes, bytes) : undefined
    },
  }
}
