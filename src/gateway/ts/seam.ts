import { breakPacket, tablePackets } from './compose.ts'
import { type EntryPoint, mainProgramme } from './entry-point.ts'
import {
  BREAK_FLAG,
  byteAt,
  clockAt,
  counterAt,
  hasPayload,
  isUnitStart,
  NULL_PID,
  PACKET_BYTES,
  PAT_PID,
  PIDS,
  pidAt,
} from './packet.ts'
import type { Start } from './seeker.ts'
import { sameContent, versionOf, withVersion } from './tables.ts'
import { makeVersionPatch, type VersionPatch } from './version-patch.ts'

/** Makes the packets of a new upstream go on where those of the old one ended. */
export interface Seam {
  /** What is to be sent before the first packet. */
  readonly preamble: Buffer
  /** Nothing has to be changed any more: the new upstream happens to go on as the old one would have. */
  readonly isDone: boolean
  /** Changes whole packets in place; what is left out splits them into pieces. */
  apply(chunk: Buffer): readonly Buffer[]
}

/** A PID on which nothing begins in so many bytes of the whole stream is let through as it is. */
const MOST_CLOSED_BYTES = 1024 * 1024

/**
 * `before` is the end of what went out so far. On each PID the new upstream begins with the start of a PES packet or
 * section, so that no decoder glues the old one's torn half to a half of another; counters go on; the clock's break is told.
 */
export function makeSeam(before: EntryPoint, start: Start): Seam {
  const { point } = start
  /** The last counter that went out on each PID, until the PID is open. */
  const last = new Int8Array(PIDS).fill(-1)
  for (const [pid, counter] of before.counters) last[pid] = counter
  const isOpen = new Uint8Array(PIDS)
  const steps = new Uint8Array(PIDS)
  const versions = versionSteps(before, point)
  const patches = patchesOf(point, versions)
  const closed = new Set([...before.counters.keys(), ...pidsOf(point)])
  const clocks = new Set((point.tables?.programmes ?? []).map(({ clockPid }) => clockPid))
  clocks.delete(NULL_PID)
  let isStepped = false
  let bytes = 0

  function open(chunk: Buffer, packet: number, pid: number): void {
    isOpen[pid] = 1
    closed.delete(pid)
    const ended = last[pid] ?? -1
    if (ended < 0) return
    const step = (ended + 1 - counterAt(chunk, packet)) & 0x0f
    steps[pid] = step
    if (step !== 0) isStepped = true
  }

  /** Whether a packet of a PID that is not open yet goes out. */
  function admit(chunk: Buffer, packet: number, pid: number): boolean {
    if (byteAt(chunk, packet + 1) & 0x80) return false
    if (!hasPayload(chunk, packet)) {
      const ended = last[pid] ?? -1
      if (ended < 0) last[pid] = counterAt(chunk, packet)
      else setCounter(chunk, packet, ended)
      return true
    }
    if (!isUnitStart(chunk, packet) && bytes < MOST_CLOSED_BYTES) return false
    open(chunk, packet, pid)
    return true
  }

  function change(chunk: Buffer, packet: number, pid: number): void {
    const step = steps[pid] ?? 0
    if (step !== 0) setCounter(chunk, packet, counterAt(chunk, packet) + step)
    if (patches.size > 0) patches.get(pid)?.apply(chunk, packet)
    if (clocks.size > 0 && clocks.has(pid) && clockAt(chunk, packet) !== undefined) {
      chunk[packet + 5] = byteAt(chunk, packet + 5) | BREAK_FLAG
      clocks.delete(pid)
    }
  }

  function apply(chunk: Buffer): readonly Buffer[] {
    const pieces: Buffer[] = []
    let from = 0
    for (let packet = 0; packet < chunk.length; packet += PACKET_BYTES) {
      const pid = pidAt(chunk, packet)
      if (pid === NULL_PID) continue
      if (isOpen[pid] === 1 || admit(chunk, packet, pid)) change(chunk, packet, pid)
      else {
        if (packet > from) pieces.push(chunk.subarray(from, packet))
        from = packet + PACKET_BYTES
      }
    }
    if (from < chunk.length) pieces.push(chunk.subarray(from))
    bytes += chunk.length
    return pieces
  }

  return {
    preamble: Buffer.concat([...tablesOf(point, versions, last), ...clockOf(start, last, clocks)]),
    get isDone() {
      return closed.size === 0 && clocks.size === 0 && !isStepped && patches.size === 0
    },
    apply,
  }
}

function setCounter(chunk: Buffer, packet: number, counter: number): void {
  chunk[packet + 3] = (byteAt(chunk, packet + 3) & 0xf0) | (counter & 0x0f)
}

/** By how much the version of the PAT and of each programme's map is raised. */
interface VersionSteps {
  readonly pat: number
  readonly maps: ReadonlyMap<number, number>
}

function versionSteps(before: EntryPoint, { tables }: EntryPoint): VersionSteps {
  const old = (number: number) => before.tables?.programmes.find((p) => p.number === number)
  const maps = (tables?.programmes ?? []).map(
    ({ number, section }) => [number, versionStep(old(number)?.section, section)] as const,
  )
  return { pat: versionStep(before.tables?.pat, tables?.pat), maps: new Map(maps) }
}

/** What says the same keeps the version that decoders know; what says something else has the next one. */
function versionStep(old: Buffer | undefined, next: Buffer | undefined): number {
  if (old === undefined || next === undefined) return 0
  const wanted = sameContent(old, next) ? versionOf(old) : versionOf(old) + 1
  return (wanted - versionOf(next)) & 0x1f
}

function patchesOf(point: EntryPoint, versions: VersionSteps): ReadonlyMap<number, VersionPatch> {
  const patches = new Map<number, VersionPatch>()
  if (versions.pat !== 0) {
    patches.set(
      PAT_PID,
      makeVersionPatch(() => versions.pat),
    )
  }
  const stepOf = (id: number, number: number) => (id === 2 ? (versions.maps.get(number) ?? 0) : 0)
  for (const { number, mapPid } of point.tables?.programmes ?? []) {
    if (versions.maps.get(number) !== 0) patches.set(mapPid, makeVersionPatch(stepOf))
  }
  return patches
}

function pidsOf({ tables }: EntryPoint): number[] {
  if (tables === undefined) return []
  const pids = tables.programmes.flatMap(({ mapPid, streams }) => [
    mapPid,
    ...streams.map(({ pid }) => pid),
  ])
  return [PAT_PID, ...pids]
}

/** The new tables, and their last counters noted. */
function tablesOf({ tables }: EntryPoint, versions: VersionSteps, last: Int8Array): Buffer[] {
  if (tables === undefined) return []
  const raise = (section: Buffer, by: number) => withVersion(section, versionOf(section) + by)
  const send = (section: Buffer, pid: number) => {
    const packets = tablePackets(section, pid, 0).length / PACKET_BYTES
    const counter = ((last[pid] ?? -1) + packets) & 0x0f
    last[pid] = counter
    return tablePackets(section, pid, counter)
  }
  const maps = tables.programmes.map(({ number, mapPid, section }) =>
    send(raise(section, versions.maps.get(number) ?? 0), mapPid),
  )
  return [send(raise(tables.pat, versions.pat), PAT_PID), ...maps]
}

/**
 * No time stamp of the new time base may come before its first clock reference. If the first packet has none, one of our
 * own goes before it; if the clock is not known yet, the first reference is marked when it comes.
 */
function clockOf({ point, packets }: Start, last: Int8Array, clocks: Set<number>): Buffer[] {
  const pid = mainProgramme(point.tables)?.clockPid
  if (pid === undefined || !clocks.has(pid) || point.clock === undefined) return []
  const isThere = pidAt(packets, 0) === pid && clockAt(packets, 0) !== undefined
  if (isThere) return []
  clocks.delete(pid)
  const ended = last[pid] ?? -1
  const counter = ended < 0 ? (point.counters.get(pid) ?? 0) : ended
  last[pid] = counter
  return [breakPacket(pid, counter, point.clock)]
}
