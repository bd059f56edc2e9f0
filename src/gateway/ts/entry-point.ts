import { breakPacket, tablePackets } from './compose.ts'
import { PACKET_BYTES, PAT_PID } from './packet.ts'
import type { Tables } from './tables.ts'

/** A packet boundary at which a decoder can begin, with what it has to be told first. */
export interface EntryPoint {
  /** Bytes of the stream before it. */
  readonly position: number
  readonly tables: Tables | undefined
  /** Each PID's last continuity counter before it. */
  readonly counters: ReadonlyMap<number, number>
  /** The main programme's clock one packet before it, in ticks of 27 MHz; undefined while that cannot be told. */
  readonly clock: number | undefined
}

/** PAT and PMTs for a viewer who begins here; the tables' own packets go on from their counters. */
export function joinPreamble(point: EntryPoint): Buffer {
  return Buffer.concat(tablesOf(point, false))
}

/**
 * For a viewer who goes on here after a gap: PAT and PMTs, and on each PID a packet that says that its counter jumped,
 * with the new time base on the clock's.
 */
export function skipPreamble(point: EntryPoint): Buffer {
  const tablePids = new Set([PAT_PID, ...(point.tables?.programmes ?? []).map((p) => p.mapPid)])
  const clockPid = mainProgramme(point.tables)?.clockPid
  const breaks = [...point.counters]
    .filter(([pid]) => point.tables === undefined || !tablePids.has(pid))
    .map(([pid, counter]) => breakPacket(pid, counter, pid === clockPid ? point.clock : undefined))
  return Buffer.concat([...tablesOf(point, true), ...breaks])
}

/** The programme whose picture counts: the first one. A stream of several programmes has its tables for all of them. */
export function mainProgramme(tables: Tables | undefined) {
  return tables?.programmes[0]
}

function tablesOf({ tables, counters }: EntryPoint, isBreak: boolean): Buffer[] {
  if (tables === undefined) return []
  /** Programmes may share a PID: the last of its packets carries the counter from which the stream goes on. */
  const pieces: Buffer[] = []
  const sections: readonly (readonly [number, Buffer])[] = [
    [PAT_PID, tables.pat],
    ...tables.programmes.map(({ mapPid, section }) => [mapPid, section] as const),
  ]
  const ends = new Map(counters)
  for (const [pid, section] of sections.toReversed()) {
    const end = ends.get(pid) ?? 0
    const isFirst = sections.find(([each]) => each === pid)?.[1] === section
    const packets = tablePackets(section, pid, end, isBreak && isFirst)
    ends.set(pid, (end - packets.length / PACKET_BYTES) & 0x0f)
    pieces.unshift(packets)
  }
  return pieces
}
