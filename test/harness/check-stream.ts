import { crc32Mpeg, packetBytes, pids, syncByte } from '../standins/engine/packet.ts'
import { readStamp, type Stamp } from '../standins/engine/stamp.ts'

/** A place at which a stream of the engine stand-in does not go on where it was. */
export interface Jump {
  /** Counted in packets of the whole stream. */
  readonly packet: number
  readonly from: Stamp
  readonly to: Stamp
  /** How much of the content is missing; negative: it came twice. */
  readonly ms: number
  /** A discontinuity was announced between the two. */
  readonly isSignalled: boolean
}

export interface StreamReport {
  /** Whole ones. */
  readonly packets: number
  readonly nullPackets: number
  readonly stamps: number
  /** Packets at which a decoder may begin. */
  readonly keyframes: number
  /** Empty for a valid stream that goes on without gaps; the first hundred. */
  readonly problems: readonly string[]
  readonly jumps: readonly Jump[]
  readonly first: Stamp | undefined
  readonly last: Stamp | undefined
}

export interface CheckOptions {
  /** Whose content it must be; default: that of the first stamp. */
  readonly infohash?: string | undefined
  /** Whether the content may jump where a discontinuity is announced; default: never. */
  readonly jumps?: 'refused' | 'signalled'
}

export interface StreamChecker {
  /** Chunks may end anywhere. The first begins with a packet. */
  push(chunk: Buffer): void
  report(): StreamReport
}

/** One whole stream, from its first packet on. */
export function checkStream(bytes: Buffer, options: CheckOptions = {}): StreamReport {
  const checker = makeStreamChecker(options)
  checker.push(bytes)
  return checker.report()
}

const nullPid = 0x1fff

/** Looks at every packet: sync byte, tables, continuity, clock, and by the stamps at content, order and completeness. */
export function makeStreamChecker(options: CheckOptions = {}): StreamChecker {
  const problems: string[] = []
  let rest: Buffer = Buffer.alloc(0)
  let packets = 0
  let nullPackets = 0
  let keyframes = 0
  const complain = (what: string) => {
    if (problems.length < 100) problems.push(`packet ${packets}: ${what}`)
  }
  const continuity = makeContinuityCheck(complain)
  const stamps = makeStampCheck(options, complain)
  const clock = makeClockCheck(complain)

  const checkPacket = (bytes: Buffer, start: number) => {
    const packet = readPacket(bytes, start)
    if (bytes[start] !== syncByte) return complain('no sync byte')
    if (packet.pid === nullPid) {
      nullPackets += 1
      return
    }
    if (packet.isRandomAccess) keyframes += 1
    continuity(packet)
    if (packet.isDiscontinuity) stamps.announce()
    if (packet.pcr !== undefined) clock(packet.pcr, packet.isDiscontinuity)
    if (!packet.hasPayload) return
    if (packet.pid === pids.pat || packet.pid === pids.pmt) checkTable(bytes, start, complain)
    else if (packet.pid === pids.stamp) stamps.check(readStamp(bytes, start), packets)
    else if (packet.pid === pids.video || packet.pid === pids.audio) stamps.countMedia()
    else complain(`unknown pid ${packet.pid}`)
  }
  return {
    push: (chunk) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let start = 0
      for (; start + packetBytes <= bytes.length; start += packetBytes, packets += 1) {
        checkPacket(bytes, start)
      }
      rest = bytes.subarray(start)
    },
    report: () => ({ packets, nullPackets, keyframes, problems, ...stamps.report() }),
  }
}

interface Packet {
  readonly pid: number
  readonly counter: number
  readonly hasPayload: boolean
  readonly isDiscontinuity: boolean
  readonly isRandomAccess: boolean
  /** At 90 kHz. */
  readonly pcr: number | undefined
}

function readPacket(bytes: Buffer, start: number): Packet {
  const byte = (offset: number) => bytes[start + offset] ?? 0
  const hasFlags = (byte(3) & 0x20) !== 0 && byte(4) > 0
  const flags = hasFlags ? byte(5) : 0
  return {
    pid: ((byte(1) & 0x1f) << 8) | byte(2),
    counter: byte(3) & 0x0f,
    hasPayload: (byte(3) & 0x10) !== 0,
    isDiscontinuity: (flags & 0x80) !== 0,
    isRandomAccess: (flags & 0x40) !== 0,
    pcr: (flags & 0x10) !== 0 ? bytes.readUInt32BE(start + 6) * 2 + (byte(10) >> 7) : undefined,
  }
}

function checkTable(bytes: Buffer, start: number, complain: (what: string) => void): void {
  const length = bytes.readUInt16BE(start + 6) & 0x0fff
  const section = bytes.subarray(start + 5, start + 8 + Math.min(length, packetBytes - 8))
  if (crc32Mpeg(section) !== 0) complain('bad table')
}

function makeContinuityCheck(complain: (what: string) => void) {
  const counters = new Map<number, number>()
  return ({ pid, counter, hasPayload, isDiscontinuity }: Packet) => {
    const before = counters.get(pid)
    counters.set(pid, counter)
    if (before === undefined || isDiscontinuity) return
    const expected = hasPayload ? (before + 1) % 16 : before
    if (counter !== expected)
      complain(`continuity of pid ${pid} broken: ${counter} after ${before}`)
  }
}

const clockRound = 2 ** 33
const ticksPerS = 90_000

/** The clock goes forward, and never by more than a second: streams of the stand-in say it 25 times in that time. */
function makeClockCheck(complain: (what: string) => void) {
  let last: number | undefined
  return (pcr: number, isDiscontinuity: boolean) => {
    const passed = last === undefined ? 0 : (pcr - last + clockRound) % clockRound
    if (passed > ticksPerS && !isDiscontinuity) complain(`clock jumped from ${last} to ${pcr}`)
    last = pcr
  }
}

/** Follows the stamps: each packet of the content that is missing, doubled, moved or another's breaks their count. */
function makeStampCheck(
  { infohash, jumps: allowed = 'refused' }: CheckOptions,
  complain: (what: string) => void,
) {
  const jumps: Jump[] = []
  let stamps = 0
  let media = 0
  let isAnnounced = false
  let first: Stamp | undefined
  let last: Stamp | undefined

  const compare = (from: Stamp, to: Stamp, packet: number) => {
    const isNext = to.number === from.number + 1
    if (isNext && to.media - from.media !== media) {
      complain(`${media} packets of picture and sound where there are ${to.media - from.media}`)
    }
    if (isNext) return
    jumps.push({ packet, from, to, ms: to.liveMs - from.liveMs, isSignalled: isAnnounced })
    if (allowed === 'refused' || !isAnnounced) complain(`stamp ${to.number} after ${from.number}`)
  }
  return {
    announce: () => {
      isAnnounced = true
    },
    countMedia: () => {
      media += 1
    },
    check: (stamp: Stamp | undefined, packet: number) => {
      if (stamp === undefined) return complain('a damaged stamp')
      const expected = infohash ?? first?.infohash ?? stamp.infohash
      if (stamp.infohash !== expected) return complain(`content ${stamp.infohash}, not ${expected}`)
      if (last !== undefined) compare(last, stamp, packet)
      first ??= stamp
      last = stamp
      stamps += 1
      media = 0
      isAnnounced = false
    },
    report: () => ({ stamps, jumps, first, last }),
  }
}
