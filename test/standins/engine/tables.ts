import { crc32Mpeg, pids } from './packet.ts'

function withCrc(section: readonly number[]): Buffer {
  const bytes = Buffer.from([...section, 0, 0, 0, 0])
  bytes.writeUInt32BE(crc32Mpeg(bytes.subarray(0, -4)), bytes.length - 4)
  return bytes
}

const wide = (pid: number) => [0xe0 | (pid >> 8), pid & 0xff]

/** One program. */
export function makePat(): Buffer {
  return withCrc([0x00, 0xb0, 0x0d, 0x00, 0x01, 0xc1, 0, 0, 0, 1, ...wide(pids.pmt)])
}

/** H.264, AAC in ADTS, and private data: the stamps. */
export function makePmt(): Buffer {
  const streams = [
    [0x1b, pids.video],
    [0x0f, pids.audio],
    [0x06, pids.stamp],
  ] as const
  const listed = streams.flatMap(([type, pid]) => [type, ...wide(pid), 0xf0, 0])
  const length = 9 + listed.length + 4
  return withCrc([
    ...[0x02, 0xb0, length, 0x00, 0x01, 0xc1, 0, 0],
    ...[...wide(pids.video), 0xf0, 0],
    ...listed,
  ])
}
