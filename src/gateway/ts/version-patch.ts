import { crcOf } from './crc.ts'
import { byteAt, isUnitStart, PACKET_BYTES, payloadAt } from './packet.ts'

/** Raises the version number of table sections where they stand, in whatever packets they lie. */
export interface VersionPatch {
  /** Changes this packet, whose PID carries tables, in place. */
  apply(chunk: Buffer, packet: number): void
}

/**
 * `stepOf` says by how much a section's version is raised, by its table id and table id extension. The CRC is mended
 * by what the changed byte does to it alone (it is linear), so that no packet has to wait for the end of its section.
 */
export function makeVersionPatch(stepOf: (id: number, extension: number) => number): VersionPatch {
  /** The place in the section; undefined between sections. */
  let at: number | undefined
  let length = 0
  let id = 0
  let extension = 0
  let mend: Buffer | undefined

  /** The byte as it should be, and on to the next. */
  function step(byte: number, place: number): number {
    if (place === 0) {
      id = byte
      length = 3
      mend = undefined
    } else if (place === 1) length = 3 + ((byte & 0x0f) << 8)
    else if (place === 2) length += byte
    else if (place === 3) extension = byte << 8
    else if (place === 4) extension |= byte
    at = place + 1 < Math.max(length, 3) ? place + 1 : undefined
    if (place === 5) return raise(byte)
    const inCrc = place - (length - 4)
    return mend !== undefined && inCrc >= 0 ? byte ^ byteAt(mend, inCrc) : byte
  }

  function raise(byte: number): number {
    const by = stepOf(id, extension)
    const raised = (byte & 0xc1) | ((((byte >> 1) + by) & 0x1f) << 1)
    const changed = Buffer.alloc(Math.max(0, length - 4 - 5))
    if (raised === byte || changed.length === 0) return byte
    changed[0] = raised ^ byte
    mend = Buffer.alloc(4)
    mend.writeUInt32BE(crcOf(changed, 0))
    return raised
  }

  function walk(chunk: Buffer, from: number, to: number): void {
    for (let place = from; place < to && at !== undefined; place += 1) {
      const byte = byteAt(chunk, place)
      // Stuffing up to the end of the packet.
      if (at === 0 && byte === 0xff) at = undefined
      else {
        chunk[place] = step(byte, at)
        // Another section may follow at once; the next start tells if not.
        at ??= 0
      }
    }
  }

  return {
    apply: (chunk, packet) => {
      const payload = payloadAt(chunk, packet)
      const end = packet + PACKET_BYTES
      const isStart = isUnitStart(chunk, packet)
      const start = isStart ? Math.min(end, payload + 1 + byteAt(chunk, payload)) : end
      walk(chunk, isStart ? payload + 1 : payload, start)
      if (!isStart) return
      at = 0
      walk(chunk, start, end)
    },
  }
}
