import { beatMs, type Clip, clipMs } from './clip.ts'
import { packetBytes, pids, writeHeader, writeTable } from './packet.ts'
import { writeStampFrame } from './stamp.ts'
import { makePat, makePmt } from './tables.ts'
import { makeUnits } from './units.ts'

/** A time that is written anew each time round: in which packet, where in it, how far behind the loop's beginning. */
interface LoopClock {
  readonly packet: number
  readonly at: number
  readonly kind: 'pcr' | 'pts'
  /** At 27 MHz. */
  readonly ticks: number
}

/**
 * One keyframe and all up to the next, as packets at a constant bit rate, to be repeated for ever. It begins with PAT,
 * PMT and the keyframe. What differs from one time round to the next, and only that, is written into a copy: times,
 * continuity counters, stamps.
 */
export interface Loop {
  readonly ms: number
  readonly packets: number
  readonly bytes: Buffer
  /** For each packet: its PID's index, and how many of that PID stand before it. */
  readonly lanes: Uint8Array
  readonly before: Uint32Array
  /** How many packets each PID has. */
  readonly laneSizes: readonly number[]
  /** For each packet: how many of video and audio stand before it. */
  readonly mediaBefore: Uint32Array
  /** In the packets' order. */
  readonly clocks: readonly LoopClock[]
}

/** Thrown when a bit rate is too low for picture and sound. */
class TooSlow extends Error {
  override readonly name = 'TooSlow'
  readonly code = 'STANDIN_TOO_SLOW'
}

export const stampLane = 4
const laneOf: Readonly<Record<number, number>> = {
  [pids.pat]: 0,
  [pids.pmt]: 1,
  [pids.video]: 2,
  [pids.audio]: 3,
  [pids.stamp]: stampLane,
}

/** Between two PATs: half a second is the most that receivers expect. */
const tableMs = 160

/** From a unit's time to its presentation: ten times what a keyframe takes at the lowest bit rate. */
const delayMs = 600

/** `ms` is a multiple of {@link beatMs}, {@link clipMs} at most. @throws {TooSlow} */
export function makeLoop(clip: Clip, bitrate: number, ms: number): Loop {
  if (ms % beatMs !== 0 || ms < beatMs || ms > clipMs) throw new RangeError(`no loop of ${ms} ms`)
  const packets = Math.round((bitrate * ms) / (1000 * 8 * packetBytes))
  const bytes = Buffer.alloc(packets * packetBytes)
  const lanes = new Uint8Array(packets)
  const before = new Uint32Array(packets)
  const mediaBefore = new Uint32Array(packets)
  const laneSizes = [0, 0, 0, 0, 0]
  const clocks: LoopClock[] = []
  const writeNext = makeWriter(clip, ms, (clock) => clocks.push(clock))
  let media = 0
  for (let index = 0; index < packets; index += 1) {
    const packet = bytes.subarray(index * packetBytes, (index + 1) * packetBytes)
    const pid = writeNext(packet, index, (index * ms) / packets)
    const lane = laneOf[pid] ?? 0
    const size = laneSizes[lane] ?? 0
    lanes[index] = lane
    before[index] = size
    laneSizes[lane] = size + 1
    mediaBefore[index] = media
    if (pid === pids.video || pid === pids.audio) media += 1
  }
  if (!writeNext.isDone()) throw new TooSlow(`${bitrate} bit/s are too few for picture and sound`)
  return { ms, packets, bytes, lanes, before, laneSizes, mediaBefore, clocks }
}

/** Writes packet after packet: tables when they are due, then what there is of sound and picture, else stamps. */
function makeWriter(clip: Clip, ms: number, note: (clock: LoopClock) => void) {
  const units = makeUnits(clip, ms)
  const tables = { [pids.pat]: makePat(), [pids.pmt]: makePmt() }
  let tablesDueMs = 0
  let isPmtNext = false
  const writeNext = (packet: Buffer, index: number, nowMs: number): number => {
    const isPatNext = !isPmtNext && nowMs >= tablesDueMs
    if (isPatNext || isPmtNext) {
      const pid = isPmtNext ? pids.pmt : pids.pat
      writeTable(packet, pid, tables[pid])
      if (isPatNext) tablesDueMs += tableMs
      isPmtNext = isPatNext
      return pid
    }
    const written = units.write(packet, nowMs)
    if (written === undefined) {
      writeHeader(packet, pids.stamp, { isUnitStart: true })
      writeStampFrame(packet)
      return pids.stamp
    }
    const { pid, pcrAt, pts } = written
    if (pcrAt !== undefined) {
      note({ packet: index, at: pcrAt, kind: 'pcr', ticks: Math.round(nowMs * 27_000) })
    }
    if (pts !== undefined) {
      const ticks = Math.round((pts.unitMs + delayMs) * 90) * 300
      note({ packet: index, at: pts.at, kind: 'pts', ticks })
    }
    return pid
  }
  return Object.assign(writeNext, { isDone: units.isEmpty })
}
