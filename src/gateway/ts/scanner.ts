import { type Codec, makeAccessUnitProbe, videoCodec } from './access-unit.ts'
import { makeClockMeter } from './clock-meter.ts'
import { type EntryPoint, mainProgramme } from './entry-point.ts'
import {
  BREAK_FLAG,
  byteAt,
  clockAt,
  flagsAt,
  isScrambled,
  isUnitStart,
  NULL_PID,
  PACKET_BYTES,
  PAT_PID,
  PIDS,
  payloadAt,
  pidAt,
  RANDOM_ACCESS_FLAG,
} from './packet.ts'
import { makeTableReader } from './table-reader.ts'
import type { Tables } from './tables.ts'

/** Reads a stream as it passes, once per chunk however many viewers there are. */
export interface Scanner {
  /**
   * Reads whole packets that begin at this position of the stream, each position once and in order. Says which entry
   * points it has found: they may lie in an earlier chunk, for the first packet of a picture does not always tell its kind.
   */
  scan(chunk: Buffer, position: number): readonly EntryPoint[]
  /** The state at the end of what was read. Only a decoder that has read on from an entry point shows a picture here. */
  here(): EntryPoint
  /** PAT and PMT of the main programme, as soon as both are known. */
  readonly tables: Tables | undefined
  /** Bits per second by the stream's own clock. */
  readonly bitrate: number | undefined
  /** Counters that did not go on as they should: packets lost on the way, mostly in the engine. */
  readonly continuityErrors: number
  /** From here on it is not yet known whether there is an entry point. */
  readonly openPosition: number
}

/** A reading of the main programme's clock. */
export interface ClockReference {
  /** Ticks of 27 MHz. */
  readonly clock: number
  /** Of the packet that carries it. */
  readonly position: number
  /** It is said to begin a new time base. */
  readonly isBreak: boolean
  /** A point at that packet. To be called within the listener, or never. */
  here(): EntryPoint
}

/** Hears of what is found, in the order in which packets show it. */
export interface ScanListener {
  onEntry(point: EntryPoint): void
  onClock(reference: ClockReference): void
}

/** What a PID is read for, as bits. */
const TABLE = 1
const MAIN = 2
const CLOCK = 4

/** More PIDs than any broadcast has; a stream of noise is not remembered beyond it. */
const MOST_PIDS = 256
/** Where every PES packet is an entry, points nearer than this tell nothing new: 2 s of radio at 128 kbit/s. */
const SPACING_BYTES = 32 * 1024

/** The stream by which entries are told. */
interface Main {
  readonly pid: number
  readonly codec: Codec
}

export function makeScanner(listener?: ScanListener): Scanner {
  const roles = new Uint8Array(PIDS)
  roles[PAT_PID] = TABLE
  const counters = new Int8Array(PIDS).fill(-1)
  const seen: number[] = []
  const reader = makeTableReader()
  const probe = makeAccessUnitProbe()
  const meter = makeClockMeter()
  let main: Main | undefined
  let clockPid = NULL_PID
  let continuityErrors = 0
  let end = 0
  /** The picture that is being looked into. */
  let candidate: EntryPoint | undefined
  let lastEntry: number | undefined
  /** Whether the main stream marks its entries itself. */
  let isMarked = false
  let found: EntryPoint[] = []

  function pointAt(position: number): EntryPoint {
    const known = seen.map((pid) => [pid, counters[pid] ?? 0] as const)
    const clock = meter.clockAt(position - PACKET_BYTES) ?? meter.clockAt(position)
    return { position, tables: reader.tables, counters: new Map(known), clock }
  }

  function enter(point: EntryPoint): void {
    candidate = undefined
    lastEntry = point.position
    found.push(point)
    listener?.onEntry(point)
  }

  function assignRoles(): void {
    roles.fill(0)
    for (const pid of reader.pids) roles[pid] = TABLE
    const programme = mainProgramme(reader.tables)
    candidate = undefined
    const before = main
    main = programme === undefined ? undefined : mainOf(programme)
    if (main?.pid !== before?.pid || main?.codec !== before?.codec) isMarked = false
    if (main !== undefined) roles[main.pid] = (roles[main.pid] ?? 0) | MAIN
    clockPid = programme?.clockPid ?? NULL_PID
    if (clockPid !== NULL_PID) roles[clockPid] = (roles[clockPid] ?? 0) | CLOCK
  }

  /** A counter that does not follow: a new PID, a packet sent twice, a break that is told, or a loss. */
  function onJump(chunk: Buffer, packet: number, pid: number, before: number): void {
    if (before < 0) {
      if (seen.length < MOST_PIDS) seen.push(pid)
    } else if (before === (byteAt(chunk, packet + 3) & 0x0f)) return
    else if ((flagsAt(chunk, packet) & BREAK_FLAG) === 0) {
      continuityErrors += 1
      reader.drop(pid)
    }
  }

  /** Before the packet's own counter is noted. */
  function onMain(chunk: Buffer, packet: number, position: number, stream: Main): void {
    const isMarkedHere = (flagsAt(chunk, packet) & RANDOM_ACCESS_FLAG) !== 0
    if (isUnitStart(chunk, packet)) {
      candidate = undefined
      if (isMarkedHere) isMarked = true
      if (isMarkedHere || stream.codec === 'opaque') onUnmistakable(position, isMarkedHere)
      else if (!isScrambled(chunk, packet)) {
        candidate = pointAt(position)
        probe.begin(stream.codec)
      }
    }
    if (candidate === undefined) return
    const finding = probe.feed(chunk, payloadAt(chunk, packet), packet + PACKET_BYTES)
    if (finding === 'entry') enter(candidate)
    else if (finding === 'no-entry') candidate = undefined
  }

  /** A marked entry, or a PES packet of a stream in which each one is an entry as good as the next. */
  function onUnmistakable(position: number, isMarkedHere: boolean): void {
    if (isMarked && !isMarkedHere) return
    const isNear = lastEntry !== undefined && position - lastEntry < SPACING_BYTES
    if (main?.codec === 'opaque' && isNear) return
    enter(pointAt(position))
  }

  function onClock(chunk: Buffer, packet: number, position: number): void {
    const clock = clockAt(chunk, packet)
    if (clock === undefined) return
    const isBreak = (flagsAt(chunk, packet) & BREAK_FLAG) !== 0
    meter.note(clock, position, isBreak)
    listener?.onClock({ clock, position, isBreak, here: () => pointAt(position) })
  }

  function onRole(role: number, chunk: Buffer, packet: number, position: number): void {
    if (role & CLOCK) onClock(chunk, packet, position)
    if (role & MAIN && main !== undefined) onMain(chunk, packet, position, main)
  }

  function scan(chunk: Buffer, start: number): readonly EntryPoint[] {
    found = []
    for (let packet = 0; packet < chunk.length; packet += PACKET_BYTES) {
      const pid = pidAt(chunk, packet)
      // Transport error: whatever it says may be wrong, its PID too.
      if (pid === NULL_PID || byteAt(chunk, packet + 1) & 0x80) continue
      const role = roles[pid] ?? 0
      if (role & ~TABLE) onRole(role, chunk, packet, start + packet)
      const control = byteAt(chunk, packet + 3)
      const before = counters[pid] ?? -1
      const expected = control & 0x10 ? (before + 1) & 0x0f : before
      if ((control & 0x0f) !== expected || before < 0) onJump(chunk, packet, pid, before)
      counters[pid] = control & 0x0f
      if (role & TABLE && reader.read(chunk, packet, pid)) assignRoles()
    }
    end = start + chunk.length
    return found
  }

  return {
    scan,
    here: () => pointAt(end),
    get tables() {
      return reader.tables
    },
    get bitrate() {
      return meter.bitrate
    },
    get continuityErrors() {
      return continuityErrors
    },
    get openPosition() {
      return candidate?.position ?? end
    },
  }
}

/** Video if there is any, else the stream that carries the clock, else the first. */
function mainOf({ streams, clockPid }: NonNullable<ReturnType<typeof mainProgramme>>) {
  const video = streams.find(({ type }) => videoCodec(type) !== undefined)
  const stream = video ?? streams.find(({ pid }) => pid === clockPid) ?? streams[0]
  if (stream === undefined) return undefined
  return { pid: stream.pid, codec: videoCodec(stream.type) ?? 'opaque' }
}
