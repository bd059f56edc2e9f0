import type { EntryPoint } from '../ts/entry-point.ts'
import { PACKET_BYTES } from '../ts/packet.ts'
import { type Cursor, makeCursor, type Window } from './cursor.ts'

/** Bounds of what is kept for viewers. */
export interface BufferLimits {
  /** Memory, in bytes. At least two blocks are kept. */
  readonly maxBytes: number
  /** Older bytes are dropped, ms. */
  readonly maxAgeMs: number
}

/**
 * The last seconds of one session, read by all its viewers. Positions count bytes since the session began, on every
 * replica that relays it alike. A viewer pins nothing here: who falls behind the start has lost what was there. What it was
 * handed and has not sent it pins itself: at most the size of a read, and the blocks that this lies in.
 */
export interface SharedBuffer {
  /** Position of the oldest byte that is kept. */
  readonly start: number
  /** Position after the newest one. */
  readonly end: number
  /** Memory that is taken, at most `maxBytes` (or two blocks). */
  readonly heldBytes: number
  /** Nothing follows. */
  readonly isClosed: boolean
  /** Oldest first. */
  readonly entryPoints: readonly EntryPoint[]
  /** Copies the bytes, once for all viewers; `now` is monotonic, ms. Of a transport stream they are whole packets. */
  append(bytes: Buffer, now: number): void
  /** Notes an entry point within what was appended. */
  mark(point: EntryPoint): void
  /** Keeps more from now on, or less: then what is too much goes with the next bytes. */
  limit(limits: BufferLimits): void
  /** Drops what is too old; the newest block stays. */
  expire(now: number): void
  close(): void
  /** About when the byte at this position came, ms: a little too early rather than too late. */
  arrivedAt(position: number): number
  /** A viewer who begins here, after a preamble of its own. */
  open(position: number, preamble?: Buffer): Cursor
}

/** A block is what a viewer is sent at once. Whole packets, just below 64 KiB. */
export const BLOCK_BYTES = 348 * PACKET_BYTES
/** Times of arrival are kept for each such part of a block: at 1 Mbit/s 33 ms. */
const PARTS = 16
const PART_BYTES = Math.ceil(BLOCK_BYTES / PARTS)
/** Where every picture is an entry, the oldest are forgotten. */
const MOST_ENTRY_POINTS = 512

/** Its own module's alone: written by `append`, never again below `used`. */
interface Block {
  readonly bytes: Buffer
  used: number
  /** When the first byte of each part came. */
  readonly arrivals: number[]
  newest: number
  /** Viewers who keep up ask for the same bytes: they get the same slice. */
  slice: { readonly from: number; readonly to: number; readonly bytes: Buffer } | undefined
}

/** `origin` is the position of the first byte: 0, or for a relay the owner's. */
export function makeSharedBuffer(limits: BufferLimits, origin = 0): SharedBuffer {
  const blocks: Block[] = []
  let entryPoints: EntryPoint[] = []
  let start = origin
  let end = origin
  let isClosed = false
  let bounds = limits

  function drop(): void {
    const block = blocks.shift()
    start += block?.used ?? 0
    entryPoints = entryPoints.filter(({ position }) => position >= start)
  }

  function addBlock(now: number): Block {
    while (blocks.length > 1 && (blocks.length + 1) * BLOCK_BYTES > bounds.maxBytes) drop()
    const bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES)
    const block: Block = { bytes, used: 0, arrivals: [], newest: now, slice: undefined }
    blocks.push(block)
    return block
  }

  function expire(now: number): void {
    while (blocks.length > 1 && now - (blocks[0]?.newest ?? now) > bounds.maxAgeMs) drop()
  }

  /** All blocks but the last are full. */
  function blockOf(position: number): Block | undefined {
    return blocks[Math.floor((position - start) / BLOCK_BYTES)]
  }

  const window: Window = {
    get start() {
      return start
    },
    get end() {
      return end
    },
    get isClosed() {
      return isClosed
    },
    arrivedAt,
    slice: (position, mostBytes) => {
      const block = blockOf(position)
      if (block === undefined) return undefined
      const from = (position - start) % BLOCK_BYTES
      const to = Math.min(block.used, from + mostBytes)
      if (block.slice?.from !== from || block.slice.to !== to) {
        block.slice = { from, to, bytes: block.bytes.subarray(from, to) }
      }
      return block.slice.bytes
    },
  }

  function arrivedAt(position: number): number {
    const block = blockOf(position)
    const part = Math.floor(((position - start) % BLOCK_BYTES) / PART_BYTES)
    return block?.arrivals[part] ?? blocks.at(-1)?.newest ?? 0
  }

  return {
    get start() {
      return start
    },
    get end() {
      return end
    },
    get heldBytes() {
      return blocks.length * BLOCK_BYTES
    },
    get isClosed() {
      return isClosed
    },
    get entryPoints() {
      return entryPoints
    },
    append: (bytes, now) => {
      let taken = 0
      while (taken < bytes.length) {
        const newest = blocks.at(-1)
        const block = newest && newest.used < BLOCK_BYTES ? newest : addBlock(now)
        const count = bytes.copy(block.bytes, block.used, taken)
        block.used += count
        block.newest = now
        while (block.arrivals.length * PART_BYTES < block.used) block.arrivals.push(now)
        taken += count
        end += count
      }
      expire(now)
    },
    mark: (point) => {
      if (point.position < start) return
      entryPoints.push(point)
      if (entryPoints.length > MOST_ENTRY_POINTS) entryPoints.shift()
    },
    limit: (wanted) => {
      bounds = wanted
    },
    expire,
    close: () => {
      isClosed = true
    },
    arrivedAt,
    open: (position, preamble) => makeCursor(window, position, preamble),
  }
}
