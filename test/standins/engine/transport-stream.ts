/** Bytes of one MPEG transport stream packet. */
export const packetBytes = 188

const pmtPid = 0x1000
const streamPid = 0x100

/** TS packets of one PES packet; with PAT and PMT before it, one cycle. */
const pesPackets = 20
/** PAT, PMT and one PES packet: the unit in which streams are made. At 400 kbit/s a cycle, and so a PCR, comes each 83 ms. */
export const cyclePackets = pesPackets + 2
export const cycleBytes = cyclePackets * packetBytes

/** Header, adaptation field with PCR, and PES header with PTS: what stands before the first payload byte of a PES. */
const pesHeadBytes = 4 + 8 + 14

/**
 * A stream of valid MPEG-TS at a constant bit rate: PAT, PMT with one private-data stream, PCR, PTS and continuity
 * counters. The first eight bytes of each packet's payload count that stream's packets, so that a test sees each gap.
 */
export interface TransportStream {
  /** The next whole cycles, at least one. */
  take(cycles: number): Buffer
}

/** Starts a stream at the given cycle: two streams that start at one cycle have the same bytes. */
export function makeTransportStream(bitrate: number, firstCycle = 0): TransportStream {
  let cycle = firstCycle
  return {
    take: (cycles) => {
      const bytes = Buffer.alloc(cycles * cycleBytes, 0xff)
      for (let n = 0; n < cycles; n += 1, cycle += 1) {
        writeCycle(bytes.subarray(n * cycleBytes, (n + 1) * cycleBytes), cycle, bitrate)
      }
      return bytes
    },
  }
}

/** Cycles that a stream of this bit rate sends in a time, rounded down. */
export function cyclesIn(ms: number, bitrate: number): number {
  return Math.floor((ms * bitrate) / (1000 * 8 * cycleBytes))
}

function writeCycle(bytes: Buffer, cycle: number, bitrate: number): void {
  const seconds = (cycle * cycleBytes * 8) / bitrate
  const packet = (index: number) => bytes.subarray(index * packetBytes, (index + 1) * packetBytes)
  writeTable(packet(0), 0, cycle, pat)
  writeTable(packet(1), pmtPid, cycle, pmt)
  for (let n = 0; n < pesPackets; n += 1) {
    const count = cycle * pesPackets + n
    const isFirst = n === 0
    writeHeader(packet(n + 2), streamPid, isFirst, count, isFirst)
    if (isFirst) writePesHead(packet(n + 2), seconds)
    packet(n + 2).writeBigUInt64BE(BigInt(count), isFirst ? pesHeadBytes : 4)
  }
}

function writeHeader(
  packet: Buffer,
  pid: number,
  isUnitStart: boolean,
  count: number,
  hasAdaptation: boolean,
): void {
  packet[0] = 0x47
  packet[1] = (isUnitStart ? 0x40 : 0) | (pid >> 8)
  packet[2] = pid & 0xff
  packet[3] = (hasAdaptation ? 0x30 : 0x10) | (count % 16)
}

function writeTable(packet: Buffer, pid: number, cycle: number, section: Buffer): void {
  writeHeader(packet, pid, true, cycle, false)
  packet[4] = 0
  section.copy(packet, 5)
}

function writePesHead(packet: Buffer, seconds: number): void {
  const ticks = Math.floor(seconds * 90_000) % 2 ** 33
  packet[4] = 7
  packet[5] = 0x10
  // PCR: 33 bits at 90 kHz, six reserved bits, an extension of nine bits that stays 0.
  packet.writeUInt32BE(Math.floor(ticks / 2), 6)
  packet.writeUInt16BE(((ticks % 2) << 15) | 0x7e00, 10)
  const payload = 8 + (packetBytes - pesHeadBytes) + (pesPackets - 1) * (packetBytes - 4)
  packet.set([0, 0, 1, 0xbd, payload >> 8, payload & 0xff, 0x80, 0x80, 5], 12)
  packet[21] = 0x21 | (Math.floor(ticks / 2 ** 30) << 1)
  packet.writeUInt16BE(((Math.floor(ticks / 2 ** 15) % 2 ** 15) << 1) | 1, 22)
  packet.writeUInt16BE(((ticks % 2 ** 15) << 1) | 1, 24)
}

const pat = withCrc([0x00, 0xb0, 0x0d, 0x00, 0x01, 0xc1, 0, 0, 0, 1, 0xe0 | (pmtPid >> 8), 0])

/** One elementary stream of type 6, PES private data: there is no picture in a stand-in. */
const pmt = withCrc([
  ...[0x02, 0xb0, 0x12, 0x00, 0x01, 0xc1, 0, 0],
  ...[0xe0 | (streamPid >> 8), streamPid & 0xff, 0xf0, 0],
  ...[0x06, 0xe0 | (streamPid >> 8), streamPid & 0xff, 0xf0, 0],
])

function withCrc(section: readonly number[]): Buffer {
  const bytes = Buffer.from([...section, 0, 0, 0, 0])
  bytes.writeUInt32BE(crc32Mpeg(bytes.subarray(0, -4)), bytes.length - 4)
  return bytes
}

/** CRC-32/MPEG-2: not reflected, no final inversion; zlib's is another one. Over bytes with a good CRC it is 0. */
export function crc32Mpeg(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte << 24
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1
    }
  }
  return crc >>> 0
}
