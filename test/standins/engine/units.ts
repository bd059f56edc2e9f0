import { type Clip, pictureMs, soundMs } from './clip.ts'
import { packetBytes, pids, writeHeader } from './packet.ts'

/** A picture or a sound on its way into packets. */
interface Unit {
  readonly pid: number
  readonly atMs: number
  readonly isKey: boolean
  /** A whole PES packet, its PTS still to be written. */
  readonly pes: Buffer
  sent: number
}

/** What was put into a packet, and which times it lacks. */
export interface Written {
  readonly pid: number
  readonly pcrAt?: number | undefined
  readonly pts?: { readonly at: number; readonly unitMs: number } | undefined
}

/** Pictures and sounds in the order of their time, handed out packet by packet. */
export interface Units {
  /** Writes one packet of what is due, pictures first. Undefined: nothing is. */
  write(packet: Buffer, nowMs: number): Written | undefined
  isEmpty(): boolean
}

/** The first `ms` of the clip. */
export function makeUnits(clip: Clip, ms: number): Units {
  const until = (units: readonly Unit[]) => units.filter(({ atMs }) => atMs < ms - 1)
  const sounds = until(clip.sounds.map((bytes, n) => makeUnit(pids.audio, n * soundMs, bytes)))
  const pictures = until(
    clip.pictures.map((bytes, n) => makeUnit(pids.video, n * pictureMs, bytes)),
  )
  const queues = [[...pictures], [...sounds]]
  return {
    write: (packet, nowMs) => {
      for (const queue of queues) {
        const [unit] = queue
        if (unit === undefined || unit.atMs > nowMs) continue
        const written = writeUnit(packet, unit)
        if (unit.sent === unit.pes.length) queue.shift()
        return written
      }
      return undefined
    },
    isEmpty: () => queues.every((queue) => queue.length === 0),
  }
}

const pesHeadBytes = 14
const streamIds: Readonly<Record<number, number>> = { [pids.video]: 0xe0, [pids.audio]: 0xc0 }

function makeUnit(pid: number, atMs: number, bytes: Buffer): Unit {
  const head = Buffer.from([0, 0, 1, streamIds[pid] ?? 0, 0, 0, 0x84, 0x80, 5, 0, 0, 0, 0, 0])
  head.writeUInt16BE(bytes.length + pesHeadBytes - 6, 4)
  const isKey = pid === pids.video && atMs === 0
  return { pid, atMs, isKey, pes: Buffer.concat([head, bytes]), sent: 0 }
}

/** Length, flags and PCR of an adaptation field. */
const pcrFieldBytes = 8
const pcrFlag = 0x10
const randomAccessFlag = 0x40

function writeUnit(packet: Buffer, unit: Unit): Written {
  const isFirst = unit.sent === 0
  const hasPcr = isFirst && unit.pid === pids.video
  const left = unit.pes.length - unit.sent
  const least = hasPcr ? pcrFieldBytes : 0
  const taken = Math.min(left, packetBytes - 4 - least)
  const field = packetBytes - 4 - taken
  packet.fill(0xff)
  writeHeader(packet, unit.pid, { isUnitStart: isFirst, hasAdaptation: field > 0 })
  if (field > 0) packet[4] = field - 1
  if (field > 1) packet[5] = (hasPcr ? pcrFlag : 0) | (isFirst && unit.isKey ? randomAccessFlag : 0)
  unit.pes.copy(packet, 4 + field, unit.sent, unit.sent + taken)
  unit.sent += taken
  return {
    pid: unit.pid,
    pcrAt: hasPcr ? 6 : undefined,
    pts: isFirst ? { at: 4 + field + 9, unitMs: unit.atMs } : undefined,
  }
}
