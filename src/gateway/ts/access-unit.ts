import { byteAt } from './packet.ts'

/** How a main stream tells where a decoder can begin. `opaque`: audio, private data, or a codec that is not looked into. */
export type Codec = 'mpeg2' | 'mpeg4' | 'h264' | 'hevc' | 'opaque'

/** Stream types of video (13818-1, table 2-34). */
const VIDEO_TYPES: ReadonlyMap<number, Codec> = new Map([
  [0x01, 'mpeg2'],
  [0x02, 'mpeg2'],
  [0x10, 'mpeg4'],
  [0x1b, 'h264'],
  [0x24, 'hevc'],
  [0x33, 'opaque'],
  [0x42, 'opaque'],
  [0xd1, 'opaque'],
  [0xea, 'opaque'],
])

/** The codec of a video stream; undefined for what is no video. */
export function videoCodec(streamType: number): Codec | undefined {
  return VIDEO_TYPES.get(streamType)
}

/** `entry`: a decoder can begin with this PES packet. `undecided`: more of its bytes are needed. */
export type Finding = 'entry' | 'no-entry' | 'undecided'

/** Looks into one PES packet after the other, only as far as it must. */
export interface AccessUnitProbe {
  /** A PES packet of this codec begins. */
  begin(codec: Codec): void
  /** Its next bytes. */
  feed(bytes: Buffer, from: number, to: number): Finding
}

/** Parameter sets and messages before the first slice are seldom more than a few hundred bytes. */
const MOST_BYTES = 16 * 1024

export function makeAccessUnitProbe(): AccessUnitProbe {
  let codec: Codec = 'opaque'
  let count = 0
  let headBytes = 9
  /** The last four bytes. */
  let window = -1
  let hasParameters = false
  let isSliceNext = false

  /** Judges the unit that a start code with this byte begins. */
  function judge(unit: number): Finding {
    if (codec === 'hevc') return judgeHevc((unit >> 1) & 0x3f)
    if (codec === 'mpeg2') {
      if (unit === 0xb3 || unit === 0xb8) return 'entry'
      return unit <= 0xaf ? 'no-entry' : 'undecided'
    }
    if (codec === 'mpeg4') {
      if (unit === 0xb0 || unit === 0xb3 || (unit >= 0x20 && unit <= 0x2f)) return 'entry'
      return unit === 0xb6 ? 'no-entry' : 'undecided'
    }
    const type = unit & 0x1f
    if (type === 5) return 'entry'
    if (type === 7) hasParameters = true
    if (type === 1 && hasParameters) isSliceNext = true
    return type >= 1 && type <= 4 && !isSliceNext ? 'no-entry' : 'undecided'
  }

  function step(byte: number): Finding {
    count += 1
    // The ninth byte of a PES packet tells how long its head still is.
    if (count === 9) headBytes = 9 + byte
    if (count <= headBytes) return 'undecided'
    if (isSliceNext) return isIntraSlice(byte) ? 'entry' : 'no-entry'
    window = (window << 8) | byte
    return window >>> 8 === 1 ? judge(byte) : 'undecided'
  }

  return {
    begin: (next) => {
      codec = next
      count = 0
      headBytes = 9
      window = -1
      hasParameters = false
      isSliceNext = false
    },
    feed: (bytes, from, to) => {
      for (let at = from; at < to; at += 1) {
        const finding = step(byteAt(bytes, at))
        if (finding !== 'undecided') return finding
      }
      return count < MOST_BYTES ? 'undecided' : 'no-entry'
    },
  }
}

/** IRAP pictures are 16 to 23, parameter sets 32 and 33; other pictures are below 32. */
function judgeHevc(type: number): Finding {
  if ((type >= 16 && type <= 23) || type === 32 || type === 33) return 'entry'
  return type < 32 ? 'no-entry' : 'undecided'
}

/**
 * Broadcasts often have no IDR pictures, but parameter sets and an I slice at a recovery point. A slice begins with
 * first_mb 0 (one bit, 1) and its type in Exp-Golomb: 7 is 0001000, 2 is 011.
 */
function isIntraSlice(byte: number): boolean {
  return byte === 0x88 || byte >> 4 === 0xb
}
