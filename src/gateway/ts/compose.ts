import { BREAK_FLAG, CLOCK_FLAG, CLOCK_WRAP, NULL_PID, PACKET_BYTES, SYNC_BYTE } from './packet.ts'

/** Packets that say nothing: they keep a player's connection alive while there is no upstream. How many is the caller's choice. */
export function nullPackets(count: number): Buffer {
  const bytes = Buffer.alloc(count * PACKET_BYTES, 0xff)
  for (let at = 0; at < bytes.length; at += PACKET_BYTES) writeHead(bytes, at, NULL_PID, 0x10)
  return bytes
}

/**
 * A packet without payload that tells a decoder of a break on `pid`: the counter goes on from `counter`, which such a packet
 * does not consume. With a clock (ticks of 27 MHz) it begins a new time base as well.
 */
export function breakPacket(pid: number, counter: number, clock?: number): Buffer {
  const bytes = Buffer.alloc(PACKET_BYTES, 0xff)
  writeHead(bytes, 0, pid, 0x20 | counter)
  bytes[4] = PACKET_BYTES - 5
  bytes[5] = BREAK_FLAG
  if (clock !== undefined) {
    bytes[5] |= CLOCK_FLAG
    writeClock(bytes, 6, clock)
  }
  return bytes
}

/** Packets of one table section, of which the last carries `counter`. With `isBreak` the first says that the counter jumped. */
export function tablePackets(
  section: Uint8Array,
  pid: number,
  counter: number,
  isBreak = false,
): Buffer {
  const field = isBreak ? [1, BREAK_FLAG] : []
  const packets = Math.ceil((field.length + 1 + section.length) / (PACKET_BYTES - 4))
  const bytes = Buffer.alloc(packets * PACKET_BYTES, 0xff)
  let taken = 0
  for (let index = 0; index < packets; index += 1) {
    const at = index * PACKET_BYTES
    const isFirst = index === 0
    const control = isFirst && isBreak ? 0x30 : 0x10
    writeHead(bytes, at, pid, control | ((counter - packets + 1 + index) & 0x0f))
    if (isFirst) {
      bytes[at + 1] = (bytes[at + 1] ?? 0) | 0x40
      // The pointer field: the section begins at once.
      bytes.set([...field, 0], at + 4)
    }
    const from = at + 4 + (isFirst ? field.length + 1 : 0)
    const part = section.subarray(taken, taken + at + PACKET_BYTES - from)
    bytes.set(part, from)
    taken += part.length
  }
  return bytes
}

function writeHead(bytes: Buffer, at: number, pid: number, control: number): void {
  bytes[at] = SYNC_BYTE
  bytes[at + 1] = pid >> 8
  bytes[at + 2] = pid & 0xff
  bytes[at + 3] = control
}

function writeClock(bytes: Buffer, at: number, clock: number): void {
  const ticks = Math.floor(((clock % CLOCK_WRAP) + CLOCK_WRAP) % CLOCK_WRAP)
  const base = Math.floor(ticks / 300)
  bytes.writeUInt32BE(Math.floor(base / 2), at)
  bytes[at + 4] = ((base % 2) << 7) | 0x7e | ((ticks % 300) >> 8)
  bytes[at + 5] = (ticks % 300) & 0xff
}
