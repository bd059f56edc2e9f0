/** Where things stand in an MPEG transport stream packet (ISO/IEC 13818-1, 2.4.3). Offsets are into the buffer that holds it. */
export const PACKET_BYTES = 188
export const SYNC_BYTE = 0x47
/** Packet ids are 13 bits. */
export const PIDS = 8192
export const PAT_PID = 0
export const NULL_PID = 0x1fff

/** The 33 bits of the clock's base count 300 ticks of 27 MHz each, and wrap after 26.5 hours. */
export const CLOCK_HZ = 27_000_000
export const CLOCK_WRAP = 2 ** 33 * 300

/** A byte beyond the end reads as 0: what is torn looks empty, and nothing throws in the middle of a stream. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

export function pidAt(bytes: Uint8Array, packet: number): number {
  return ((byteAt(bytes, packet + 1) & 0x1f) << 8) | byteAt(bytes, packet + 2)
}

/** A PES packet or, in tables, a section begins here. */
export function isUnitStart(bytes: Uint8Array, packet: number): boolean {
  return (byteAt(bytes, packet + 1) & 0x40) !== 0
}

export function hasPayload(bytes: Uint8Array, packet: number): boolean {
  return (byteAt(bytes, packet + 3) & 0x10) !== 0
}

export function counterAt(bytes: Uint8Array, packet: number): number {
  return byteAt(bytes, packet + 3) & 0x0f
}

export function isScrambled(bytes: Uint8Array, packet: number): boolean {
  return (byteAt(bytes, packet + 3) & 0xc0) !== 0
}

/** The offset of the first payload byte; the end of the packet if it has none. */
export function payloadAt(bytes: Uint8Array, packet: number): number {
  const end = packet + PACKET_BYTES
  const control = byteAt(bytes, packet + 3)
  if ((control & 0x10) === 0) return end
  if ((control & 0x20) === 0) return packet + 4
  return Math.min(end, packet + 5 + byteAt(bytes, packet + 4))
}

/** The flags of the adaptation field; 0 if there is none. */
export function flagsAt(bytes: Uint8Array, packet: number): number {
  const hasField = (byteAt(bytes, packet + 3) & 0x20) !== 0
  return hasField && byteAt(bytes, packet + 4) > 0 ? byteAt(bytes, packet + 5) : 0
}

/** Bits of {@link flagsAt}. */
export const BREAK_FLAG = 0x80
export const RANDOM_ACCESS_FLAG = 0x40
export const CLOCK_FLAG = 0x10

/** The packet's clock reference, in ticks of 27 MHz. */
export function clockAt(bytes: Uint8Array, packet: number): number | undefined {
  if ((flagsAt(bytes, packet) & CLOCK_FLAG) === 0 || byteAt(bytes, packet + 4) < 7) return undefined
  const low = byteAt(bytes, packet + 10)
  let base = 0
  for (let at = packet + 6; at < packet + 10; at += 1) base = base * 256 + byteAt(bytes, at)
  return (base * 2 + (low >> 7)) * 300 + (((low & 1) << 8) | byteAt(bytes, packet + 11))
}
