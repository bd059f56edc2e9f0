import { crc32Mpeg, packetBytes } from '../standins/engine/transport-stream.ts'

export interface StreamCheck {
  readonly packets: number
  /** Empty for a valid stream without gaps. */
  readonly problems: readonly string[]
}

/** Looks at every whole packet of a stream that begins at a packet: sync bytes, tables, continuity, packet count. */
export function checkStream(bytes: Buffer): StreamCheck {
  const problems: string[] = []
  const counters = new Map<number, number>()
  const packets = Math.floor(bytes.length / packetBytes)
  let counted: bigint | undefined
  for (let index = 0; index < packets; index += 1) {
    const packet = bytes.subarray(index * packetBytes, (index + 1) * packetBytes)
    const complain = (what: string) => problems.push(`packet ${index}: ${what}`)
    if (packet[0] !== 0x47) complain('no sync byte')
    const pid = packet.readUInt16BE(1) & 0x1fff
    const continuity = packet.readUInt8(3) & 0x0f
    const before = counters.get(pid)
    if (before !== undefined && continuity !== (before + 1) % 16) complain('continuity broken')
    counters.set(pid, continuity)
    if (pid === 0 || pid === 0x1000) {
      const length = packet.readUInt16BE(6) & 0x0fff
      if (crc32Mpeg(packet.subarray(5, 8 + length)) !== 0) complain(`bad table on pid ${pid}`)
      continue
    }
    const hasAdaptation = (packet.readUInt8(3) & 0x20) !== 0
    const count = packet.readBigUInt64BE(hasAdaptation ? 5 + packet.readUInt8(4) + 14 : 4)
    if (counted !== undefined && count !== counted + 1n) complain(`count ${count} after ${counted}`)
    counted = count
  }
  return { packets, problems }
}
