import { byteAt, PACKET_BYTES, SYNC_BYTE } from './packet.ts'

/** What an upstream sends. `other` is passed on as it is: an engine serves mp4, mp3 and the like too. */
export type Content =
  | { readonly kind: 'undecided' }
  | { readonly kind: 'transport-stream' }
  /** A transport stream in packets of another size (192: m2ts, 204: with error correction). Nothing of it is handed on. */
  | { readonly kind: 'refused'; readonly packetBytes: number }
  | { readonly kind: 'other' }

/** Makes whole packets of one upstream's chunks. */
export interface Aligner {
  readonly content: Content
  /** Bytes between packets that were left out: garbage, and packets with a broken sync byte. */
  readonly skippedBytes: number
  /**
   * Whole packets, in as few pieces as possible; of other content, the bytes as they came. Pieces are slices of `chunk`,
   * but for a packet that began in an earlier one, and live until the next call: who keeps them copies them.
   */
  push(chunk: Buffer): readonly Buffer[]
  /** The upstream is over. What was too short to be recognised is handed on as other content; a torn packet is dropped. */
  end(): readonly Buffer[]
}

/** Sync bytes in a row, each a packet after the one before, that make a packet start. By chance once in 2^40 places. */
const CONFIRMING = 5
/** Without a packet start within these bytes it is no transport stream: half a second of an mp3, 16 ms of a video. */
const DECIDING_BYTES = 16 * 1024
const REFUSED_SIZES = [192, 204]

const TRANSPORT_STREAM: Content = { kind: 'transport-stream' }
const EMPTY = Buffer.alloc(0)

export function makeAligner(): Aligner {
  let content: Content = { kind: 'undecided' }
  let isLocked = false
  let skippedBytes = 0
  /** Less than a packet while locked; what could still become a packet start while not. */
  let held: Buffer = EMPTY
  /** While undecided: where packets of each size could begin at the earliest, so that no place is looked at twice. */
  const earliest = new Map<number, number>()

  function lookFor(bytes: Buffer, size: number) {
    const start = findStart(bytes, earliest.get(size) ?? 0, size)
    earliest.set(size, start.at)
    return start
  }

  /** Takes whole packets from `from` on, as long as they begin with a sync byte, and keeps the torn one at the end. */
  function take(bytes: Buffer, from: number, pieces: Buffer[]): void {
    let at = from
    while (at + PACKET_BYTES <= bytes.length && bytes[at] === SYNC_BYTE) at += PACKET_BYTES
    if (at > from) pieces.push(bytes.subarray(from, at))
    if (at < bytes.length && bytes[at] !== SYNC_BYTE) search(bytes, at, pieces)
    else held = Buffer.from(bytes.subarray(at))
  }

  /** Looks for a packet start from `from` on. */
  function search(bytes: Buffer, from: number, pieces: Buffer[]): void {
    isLocked = false
    const isFirst = content.kind === 'undecided'
    const { at, isFound } = isFirst
      ? lookFor(bytes, PACKET_BYTES)
      : findStart(bytes, from, PACKET_BYTES)
    if (isFound) {
      content = TRANSPORT_STREAM
      isLocked = true
      skippedBytes += at - from
      take(bytes, at, pieces)
    } else if (isFirst) decide(bytes, pieces)
    else {
      skippedBytes += at - from
      held = Buffer.from(bytes.subarray(at))
    }
  }

  function decide(bytes: Buffer, pieces: Buffer[]): void {
    const packetBytes = REFUSED_SIZES.find((size) => lookFor(bytes, size).isFound)
    if (packetBytes !== undefined) content = { kind: 'refused', packetBytes }
    else if (bytes.length >= DECIDING_BYTES) {
      content = { kind: 'other' }
      pieces.push(bytes)
    }
    held = content.kind === 'undecided' ? Buffer.from(bytes) : EMPTY
  }

  /** Completes the packet that an earlier chunk began; where the rest of the chunk begins. */
  function complete(chunk: Buffer, pieces: Buffer[]): number {
    const missing = PACKET_BYTES - held.length
    const packet = Buffer.concat([held, chunk.subarray(0, missing)])
    if (packet.length < PACKET_BYTES) held = packet
    else {
      held = EMPTY
      pieces.push(packet)
    }
    return Math.min(missing, chunk.length)
  }

  function push(chunk: Buffer): readonly Buffer[] {
    if (chunk.length === 0 || content.kind === 'refused') return []
    if (content.kind === 'other') return [chunk]
    const pieces: Buffer[] = []
    if (!isLocked) search(held.length > 0 ? Buffer.concat([held, chunk]) : chunk, 0, pieces)
    else {
      const rest = held.length > 0 ? complete(chunk, pieces) : 0
      if (rest < chunk.length) take(chunk, rest, pieces)
    }
    return pieces
  }

  return {
    get content() {
      return content
    },
    get skippedBytes() {
      return skippedBytes
    },
    push,
    end: () => {
      const rest = held
      held = EMPTY
      if (content.kind !== 'undecided' || rest.length === 0) return []
      content = { kind: 'other' }
      return [rest]
    },
  }
}

/** The first packet start at or after `from`; or, not found, the first place that more bytes could make one. */
function findStart(bytes: Buffer, from: number, size: number) {
  for (let at = bytes.indexOf(SYNC_BYTE, from); at >= 0; at = bytes.indexOf(SYNC_BYTE, at + 1)) {
    let count = 0
    while (count < CONFIRMING && at + count * size < bytes.length) {
      if (!isHead(bytes, at + count * size)) break
      count += 1
    }
    if (count === CONFIRMING) return { at, isFound: true }
    if (at + count * size >= bytes.length) return { at, isFound: false }
  }
  return { at: bytes.length, isFound: false }
}

/** A sync byte, and neither payload nor adaptation field is forbidden: text full of the letter G is no stream. */
function isHead(bytes: Buffer, at: number): boolean {
  const isTorn = at + 3 >= bytes.length
  return bytes[at] === SYNC_BYTE && (isTorn || (byteAt(bytes, at + 3) & 0x30) !== 0)
}
