/** Polynomial of CRC-32/MPEG-2: not reflected, no final inversion; zlib's is another one. */
const POLYNOMIAL = 0x04c1_1db7

const STEPS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1
  return crc
})

/** Over a section with its own CRC at the end it is 0. With `start` 0 it is linear: crc(a ^ b) = crc(a) ^ crc(b). */
export function crcOf(bytes: Iterable<number>, start = 0xffff_ffff): number {
  let crc = start
  for (const byte of bytes) crc = (crc << 8) ^ (STEPS[(crc >>> 24) ^ byte] ?? 0)
  return crc >>> 0
}
