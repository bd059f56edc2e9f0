import { packetBytes } from './packet.ts'

/**
 * What a stamp says. Stamps fill the stream up to its bit rate: most packets are stamps, and who reads them all knows
 * of each packet that is missing, doubled, out of order or another content's.
 */
export interface Stamp {
  /** 40 hex digits. */
  readonly infohash: string
  /** Of this stamp among all of the content; one more than the stamp's before. */
  readonly number: number
  /** How many packets of video and audio there were before it in the content. */
  readonly media: number
  /** Unix time at which its place in the content is live. */
  readonly liveMs: number
}

/** Where the fields stand in a packet, behind the headers of TS and PES. */
const at = { pes: 4, infohash: 12, number: 32, media: 40, liveMs: 48, filler: 56 } as const

/** `private_stream_2`: its PES header is these six bytes and no more. */
const pesHeader = Buffer.from([0, 0, 1, 0xbf, 0, packetBytes - 10])

/** Neither a sync byte nor a start code, and different at each place. */
const filler = Buffer.from(
  Array.from({ length: packetBytes - at.filler }, (_, n) => 0x80 + ((n * 37) % 127)),
)

/** Writes all of a stamp that is the same in each of its kind. */
export function writeStampFrame(packet: Buffer): void {
  pesHeader.copy(packet, at.pes)
  packet.fill(0, at.pes + pesHeader.length, at.filler)
  filler.copy(packet, at.filler)
}

/** Writes the rest; `infohash` is 20 bytes, and `start` where the packet begins. */
export function writeStamp(
  bytes: Buffer,
  start: number,
  infohash: Uint32Array,
  { number, media, liveMs }: Omit<Stamp, 'infohash'>,
): void {
  for (let n = 0; n < 5; n += 1) bytes.writeUInt32BE(infohash[n] ?? 0, start + at.infohash + 4 * n)
  writeWide(bytes, start + at.number, number)
  writeWide(bytes, start + at.media, media)
  writeWide(bytes, start + at.liveMs, liveMs)
}

/** Reads the packet of the stamps' PID that begins at `start`. Undefined: it is damaged. */
export function readStamp(bytes: Buffer, start = 0): Stamp | undefined {
  const end = start + packetBytes
  if (pesHeader.compare(bytes, start + at.pes, start + at.pes + pesHeader.length) !== 0)
    return undefined
  if (filler.compare(bytes, start + at.filler, end) !== 0) return undefined
  return {
    infohash: bytes.toString('hex', start + at.infohash, start + at.number),
    number: readWide(bytes, start + at.number),
    media: readWide(bytes, start + at.media),
    liveMs: readWide(bytes, start + at.liveMs),
  }
}

function writeWide(bytes: Buffer, offset: number, value: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), offset)
  bytes.writeUInt32BE(value % 2 ** 32, offset + 4)
}

const readWide = (bytes: Buffer, offset: number) =>
  bytes.readUInt32BE(offset) * 2 ** 32 + bytes.readUInt32BE(offset + 4)
