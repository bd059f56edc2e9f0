import { crcOf } from './crc.ts'
import { byteAt } from './packet.ts'

/** One programme: its map section as sent, and what that says. */
export interface Programme {
  readonly number: number
  readonly mapPid: number
  readonly section: Buffer
  readonly clockPid: number
  readonly streams: readonly { readonly pid: number; readonly type: number }[]
}

/** What a decoder has to know before anything else: the PAT's section, and the programmes whose maps are known. */
export interface Tables {
  readonly pat: Buffer
  readonly programmes: readonly Programme[]
}

/** Table ids. */
const PAT = 0
const PMT = 2

/** Where each programme's map is found; undefined if this is no PAT in force. Of several sections only the first is read. */
export function parsePat(section: Buffer): ReadonlyMap<number, number> | undefined {
  if (!isInForce(section, PAT) || section[6] !== 0) return undefined
  const maps = new Map<number, number>()
  for (let at = 8; at + 4 <= section.length - 4; at += 4) {
    const number = section.readUInt16BE(at)
    // Number 0 is the network's own table.
    if (number !== 0) maps.set(number, section.readUInt16BE(at + 2) & 0x1fff)
  }
  return maps
}

/** The programme that this section describes; undefined if it is no PMT in force. */
export function parsePmt(section: Buffer, mapPid: number): Programme | undefined {
  if (!isInForce(section, PMT) || section.length < 16) return undefined
  const streams: { pid: number; type: number }[] = []
  let at = 12 + (section.readUInt16BE(10) & 0x0fff)
  while (at + 5 <= section.length - 4) {
    streams.push({ type: byteAt(section, at), pid: section.readUInt16BE(at + 1) & 0x1fff })
    at += 5 + (section.readUInt16BE(at + 3) & 0x0fff)
  }
  const clockPid = section.readUInt16BE(8) & 0x1fff
  return { number: section.readUInt16BE(3), mapPid, section, clockPid, streams }
}

function isInForce(section: Buffer, tableId: number): boolean {
  if (section.length < 12 || section[0] !== tableId) return false
  return (byteAt(section, 5) & 1) === 1 && crcOf(section) === 0
}

export function versionOf(section: Buffer): number {
  return (byteAt(section, 5) >> 1) & 0x1f
}

/** The same section under another version number. */
export function withVersion(section: Buffer, version: number): Buffer {
  const bytes = Buffer.from(section)
  bytes[5] = (byteAt(bytes, 5) & 0xc1) | ((version & 0x1f) << 1)
  bytes.writeUInt32BE(crcOf(bytes.subarray(0, -4)), bytes.length - 4)
  return bytes
}

/** Whether both say the same, under whatever version number. */
export function sameContent(one: Buffer, other: Buffer): boolean {
  return withVersion(one, 0).equals(withVersion(other, 0))
}
