import { slowCrc } from './broadcast.ts'

/** What a strict decoder thinks of a stream, by 13818-1; written without the product's code. */
export interface Judgement {
  /** Empty for a stream without a fault. */
  readonly problems: readonly string[]
  /** The kinds of packets in the order in which they first came: `pat`, `pmt`, `video entry`, `video other`, … */
  readonly firsts: readonly string[]
  /** Packets that tell of a break, by PID. */
  readonly breaks: readonly number[]
  /** PIDs that begin in the middle of a PES packet or section. A decoder waits for the next. */
  readonly torn: readonly number[]
}

interface Seen {
  counter: number
  clock?: number
  section?: number[]
}

const ENTRY_UNITS = new Set([0x65, 0x67, 0x40, 0xb3])

/** Looks at all of it: sync, counters, clocks, tables and their versions. */
export function judge(bytes: Buffer): Judgement {
  const problems: string[] = []
  const firsts = new Set<string>()
  const breaks: number[] = []
  const torn: number[] = []
  const seen = new Map<number, Seen>()
  const versions = new Map<string, string>()
  let maps = new Set<number>()
  let clockPid = -1
  let videoPid = -1

  function onSection(section: number[], pid: number, index: number): void {
    if (slowCrc(section) !== 0) problems.push(`packet ${index}: bad crc on pid ${pid}`)
    const id = section[0] ?? 0
    const key = `${pid} ${id} ${section.slice(3, 6).join()}`
    const text = Buffer.from(section).toString('hex')
    if ((versions.get(key) ?? text) !== text) {
      problems.push(`packet ${index}: pid ${pid} says something else under one version`)
    }
    versions.set(key, text)
    const pidAt = (at: number) => (((section[at] ?? 0) & 0x1f) << 8) | (section[at + 1] ?? 0)
    if (pid === 0) {
      maps = new Set([pidAt(10)])
      firsts.add('pat')
    } else {
      firsts.add('pmt')
      clockPid = pidAt(8)
      const info = (((section[10] ?? 0) & 0x0f) << 8) | (section[11] ?? 0)
      videoPid = [0x1b, 0x24, 2].includes(section[12 + info] ?? 0) ? pidAt(13 + info) : -1
    }
  }

  function onTable(packet: Buffer, payload: number, pid: number, state: Seen, index: number): void {
    const isStart = ((packet[1] ?? 0) & 0x40) !== 0
    if (isStart) state.section = []
    if (state.section === undefined) return
    state.section.push(...packet.subarray(payload + (isStart ? 1 : 0)))
    const [, high = 0, low = 0] = state.section
    const length = 3 + ((high & 0x0f) << 8) + low
    if (state.section.length < length) return
    onSection(state.section.slice(0, length), pid, index)
    delete state.section
  }

  for (let index = 0; index * 188 < bytes.length; index += 1) {
    const packet = bytes.subarray(index * 188, index * 188 + 188)
    const complain = (what: string) => problems.push(`packet ${index}: ${what}`)
    if (packet.length < 188) complain('torn')
    if (packet[0] !== 0x47) complain('no sync byte')
    const [, b1 = 0, b2 = 0, b3 = 0, fieldBytes = 0, b5 = 0] = packet
    const pid = ((b1 & 0x1f) << 8) | b2
    if (pid === 0x1fff) continue
    const hasField = (b3 & 0x20) !== 0
    const hasPayload = (b3 & 0x10) !== 0
    const flags = hasField && fieldBytes > 0 ? b5 : 0
    const isBreak = (flags & 0x80) !== 0
    const payload = hasField ? 5 + fieldBytes : 4
    const before = seen.get(pid)
    const state: Seen = before ?? { counter: 0 }
    const expected = hasPayload ? (state.counter + 1) % 16 : state.counter
    if (before && !isBreak && (b3 & 15) !== expected) {
      complain(`pid ${pid} counts ${b3 & 15}, not ${expected}`)
    }
    const isTable = pid === 0 || maps.has(pid)
    if (!before && hasPayload && (b1 & 0x40) === 0) torn.push(pid)
    state.counter = b3 & 15
    seen.set(pid, state)
    if (isBreak) breaks.push(pid)
    if (isBreak && before?.section !== undefined) delete before.section
    if (flags & 0x10) {
      const base = packet.readUInt32BE(6) * 2 + ((packet[10] ?? 0) >> 7)
      const clock = base * 300 + (((packet[10] ?? 0) & 1) << 8) + (packet[11] ?? 0)
      const step = (clock - (state.clock ?? clock) + 2 ** 33 * 300) % (2 ** 33 * 300)
      if (pid === clockPid && !isBreak && step > 27_000_000) complain('clock jumps')
      state.clock = clock
    }
    if (isTable && hasPayload) onTable(packet, payload, pid, state, index)
    else if (hasPayload && b1 & 0x40) {
      if (pid === videoPid) firsts.add(isEntry(packet.subarray(payload)) ? 'video entry' : 'video')
      else firsts.add(pid < 0x20 ? 'service' : 'sound')
      if (videoPid >= 0 && pid === videoPid && seen.get(clockPid)?.clock === undefined)
        complain('a time stamp before the clock')
    }
  }
  return { problems, firsts: [...firsts], breaks, torn }
}

/** Parameter sets, an IDR picture or a sequence header stand in its first bytes. */
function isEntry(pes: Buffer): boolean {
  for (let at = 9 + (pes[8] ?? 0); at < 64; at += 1) {
    if (pes[at] === 0 && pes[at + 1] === 0 && pes[at + 2] === 1) {
      if (ENTRY_UNITS.has(pes[at + 3] ?? 0)) return true
    }
  }
  return false
}
