import type { Loop } from './loop.ts'
import { stampLane } from './loop.ts'
import { packetBytes, writePcr, writePts } from './packet.ts'
import { writeStamp } from './stamp.ts'

/**
 * A content as everybody sees it at the same time: which bytes it has at which place follows from its infohash, bit rate
 * and loop alone, never from a session or an engine. Places are bytes since the content's beginning.
 */
export interface Channel {
  /** Bytes a second, and what a place is counted in. */
  readonly bytesPerS: number
  /** The place that is live at a Unix time, at the beginning of a packet. */
  placeAt(unixMs: number): number
  /** Unix time at which a place is live. */
  liveMs(place: number): number
  /** The bytes from one place on; a place may be in the middle of a packet. */
  read(place: number, length: number): Buffer
}

/** PCR and PTS go round after this many ticks of 90 kHz, 26.5 hours. */
const clockRound = 2 ** 33

export function makeChannel(infohash: string, loop: Loop): Channel {
  const name = Buffer.from(infohash, 'hex')
  const words = Uint32Array.from([0, 4, 8, 12, 16], (offset) => name.readUInt32BE(offset))
  // Contents have clocks of their own: one that is taken for another is seen to jump.
  const aheadMs = (words[0] ?? 0) % 95_000_000
  const loopBytes = loop.packets * packetBytes
  const liveMs = (place: number) => (place / loopBytes) * loop.ms - aheadMs

  const readPackets = (first: number, count: number): Buffer => {
    const bytes = Buffer.allocUnsafe(count * packetBytes)
    for (let done = 0; done < count; ) {
      const round = Math.floor((first + done) / loop.packets)
      const from = first + done - round * loop.packets
      const to = Math.min(loop.packets, from + count - done)
      loop.bytes.copy(bytes, done * packetBytes, from * packetBytes, to * packetBytes)
      const part = bytes.subarray(done * packetBytes, (done + to - from) * packetBytes)
      writeRound(part, loop, { words, aheadMs, round, from, to })
      done += to - from
    }
    return bytes
  }
  return {
    bytesPerS: (loopBytes * 1000) / loop.ms,
    placeAt: (unixMs) => Math.floor(((unixMs + aheadMs) * loop.packets) / loop.ms) * packetBytes,
    liveMs,
    read: (place, length) => {
      const first = Math.floor(place / packetBytes)
      const skipped = place - first * packetBytes
      const count = Math.ceil((skipped + length) / packetBytes)
      return readPackets(first, count).subarray(skipped, skipped + length)
    },
  }
}

interface Part {
  readonly words: Uint32Array
  readonly aheadMs: number
  readonly round: number
  /** Packets of the loop. */
  readonly from: number
  readonly to: number
}

/** Writes into a copy of a part of the loop what is this round's own. Runs for each packet sent: no garbage but stamps'. */
function writeRound(bytes: Buffer, loop: Loop, { words, aheadMs, round, from, to }: Part): void {
  const counts = loop.laneSizes.map((size) => size * round)
  const media = ((loop.laneSizes[2] ?? 0) + (loop.laneSizes[3] ?? 0)) * round
  const stamps = counts[stampLane] ?? 0
  const startMs = round * loop.ms - aheadMs
  for (let index = from; index < to; index += 1) {
    const start = (index - from) * packetBytes
    const lane = loop.lanes[index] ?? 0
    const before = loop.before[index] ?? 0
    const count = (counts[lane] ?? 0) + before
    bytes[start + 3] = ((bytes[start + 3] ?? 0) & 0xf0) | (count % 16)
    if (lane !== stampLane) continue
    writeStamp(bytes, start, words, {
      number: stamps + before,
      media: media + (loop.mediaBefore[index] ?? 0),
      liveMs: Math.floor(startMs + (index * loop.ms) / loop.packets),
    })
  }
  const roundTicks = round * loop.ms * 90
  for (const { packet, at, kind, ticks } of loop.clocks) {
    if (packet < from || packet >= to) continue
    const offset = (packet - from) * packetBytes + at
    const base = (roundTicks + Math.floor(ticks / 300)) % clockRound
    if (kind === 'pcr') writePcr(bytes, offset, base, ticks % 300)
    else writePts(bytes, offset, base)
  }
}
