import { isUnitStart, PACKET_BYTES, PAT_PID, payloadAt } from './packet.ts'
import { makeSectionReader, type SectionReader } from './sections.ts'
import { type Programme, parsePat, parsePmt, type Tables } from './tables.ts'

/** Keeps the tables that a stream repeats. */
export interface TableReader {
  /** Known as soon as the first programme's map is. */
  readonly tables: Tables | undefined
  /** The PIDs whose packets are wanted. */
  readonly pids: ReadonlySet<number>
  /** Reads a packet of one of them; true if the tables or the PIDs are others now. */
  read(chunk: Buffer, packet: number, pid: number): boolean
  /** A packet of this PID was lost. */
  drop(pid: number): void
}

export function makeTableReader(): TableReader {
  const readers = new Map<number, SectionReader>([[PAT_PID, makeSectionReader()]])
  const known = new Map<number, Programme>()
  let pat: Buffer | undefined
  let maps: ReadonlyMap<number, number> = new Map()
  let pids = new Set([PAT_PID])
  let tables: Tables | undefined

  function collect(): Tables | undefined {
    if (pat === undefined) return undefined
    const programmes = [...maps.keys()].flatMap((number) => known.get(number) ?? [])
    // A stream without its first programme's map says nothing yet; further ones may come later, or never.
    return programmes[0]?.number === [...maps.keys()][0] && programmes.length > 0
      ? { pat, programmes }
      : undefined
  }

  function onPat(section: Buffer): boolean {
    if (pat?.equals(section)) return false
    const next = parsePat(section)
    if (next === undefined) return false
    pat = Buffer.from(section)
    for (const [number, { mapPid }] of known) if (next.get(number) !== mapPid) known.delete(number)
    maps = next
    pids = new Set([PAT_PID, ...next.values()])
    for (const pid of readers.keys()) if (!pids.has(pid)) readers.delete(pid)
    for (const pid of pids) if (!readers.has(pid)) readers.set(pid, makeSectionReader())
    return true
  }

  function onMap(section: Buffer, pid: number): boolean {
    for (const each of known.values()) if (each.section.equals(section)) return false
    const programme = parsePmt(section, pid)
    if (programme === undefined || maps.get(programme.number) !== pid) return false
    known.set(programme.number, { ...programme, section: Buffer.from(section) })
    return true
  }

  return {
    get tables() {
      return tables
    },
    get pids() {
      return pids
    },
    read: (chunk, packet, pid) => {
      const payload = chunk.subarray(payloadAt(chunk, packet), packet + PACKET_BYTES)
      const sections = readers.get(pid)?.push(payload, isUnitStart(chunk, packet)) ?? []
      let isNew = false
      for (const section of sections) {
        if (pid === PAT_PID ? onPat(section) : onMap(section, pid)) isNew = true
      }
      if (isNew) tables = collect()
      return isNew
    },
    drop: (pid) => readers.get(pid)?.drop(),
  }
}
