/** Bytes of one MPEG transport stream packet. */
export const packetBytes = 188

export const syncByte = 0x47

/** The PIDs of every stream of the stand-in. Video carries the clock as well. */
export const pids = { pat: 0, pmt: 0x1000, video: 0x100, audio: 0x101, stamp: 0x102 } as const

/** Writes the four bytes that every packet begins with; the continuity counter is left 0. */
export function writeHeader(
  packet: Buffer,
  pid: number,
  { isUnitStart = false, hasAdaptation = false } = {},
): void {
  packet[0] = syncByte
  packet[1] = (isUnitStart ? 0x40 : 0) | (pid >> 8)
  packet[2] = pid & 0xff
  packet[3] = hasAdaptation ? 0x30 : 0x10
}

/** Writes a packet that holds one whole table section; the rest is stuffing. */
export function writeTable(packet: Buffer, pid: number, section: Buffer): void {
  packet.fill(0xff)
  writeHeader(packet, pid, { isUnitStart: true })
  packet[4] = 0
  section.copy(packet, 5)
}

/** Writes a PCR: 33 bits at 90 kHz, six reserved bits, nine bits at 27 MHz. */
export function writePcr(bytes: Buffer, offset: number, ticks: number, extension: number): void {
  bytes.writeUInt32BE(Math.floor(ticks / 2), offset)
  bytes.writeUInt16BE(((ticks % 2) << 15) | 0x7e00 | extension, offset + 4)
}

/** Writes a PTS that stands alone, 33 bits at 90 kHz between marker bits. */
export function writePts(bytes: Buffer, offset: number, ticks: number): void {
  bytes[offset] = 0x21 | (Math.floor(ticks / 2 ** 30) << 1)
  bytes.writeUInt16BE(((Math.floor(ticks / 2 ** 15) % 2 ** 15) << 1) | 1, offset + 1)
  bytes.writeUInt16BE(((ticks % 2 ** 15) << 1) | 1, offset + 3)
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
