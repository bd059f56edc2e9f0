import { PACKET_BYTES } from '../ts/packet.ts'

/** What a cursor sees of its buffer. */
export interface Window {
  readonly start: number
  readonly end: number
  readonly isClosed: boolean
  arrivedAt(position: number): number
  /** At most so many bytes from here on, as one slice that is shared with other viewers. */
  slice(position: number, mostBytes: number): Buffer | undefined
}

/** What a viewer is to be sent next. */
export type Reading =
  /** Not to be written to: other viewers are sent the same bytes. */
  | { readonly kind: 'data'; readonly buffers: readonly Buffer[]; readonly bytes: number }
  /** All was read; more will come. */
  | { readonly kind: 'drained' }
  /** So many bytes are gone that this viewer has not read. It skips ahead or is cut. */
  | { readonly kind: 'lagged'; readonly bytes: number }
  /** All was read, and nothing follows. */
  | { readonly kind: 'ended' }

/** One viewer's place in a {@link SharedBuffer}. It pins nothing; to abandon it is enough. */
export interface Cursor {
  /** Position of the next byte to read. */
  readonly position: number
  /** Bytes of its own that it still reads first. */
  readonly preambleBytes: number
  /**
   * At most so many bytes, but at least a packet, and of a transport stream whole packets only: so it may skip between
   * two reads. Its own preamble comes first and whole, beyond the limit. What is read counts as sent.
   */
  read(maxBytes: number): Reading
  /** How far it is behind, and for how long the next byte has been waiting for it. */
  lag(now: number): { readonly bytes: number; readonly ms: number }
  /** Goes on elsewhere, after this preamble. */
  moveTo(position: number, preamble: Buffer): void
}

const DRAINED: Reading = { kind: 'drained' }
const ENDED: Reading = { kind: 'ended' }

export function makeCursor(window: Window, from: number, preamble?: Buffer): Cursor {
  let position = from
  let own = preamble

  function collect(maxBytes: number): Buffer[] {
    const buffers: Buffer[] = own !== undefined && own.length > 0 ? [own] : []
    own = undefined
    let room = Math.max(PACKET_BYTES, maxBytes - (maxBytes % PACKET_BYTES))
    while (room > 0 && position < window.end) {
      const slice = window.slice(position, room)
      if (slice === undefined) break
      buffers.push(slice)
      position += slice.length
      room -= slice.length
    }
    return buffers
  }

  return {
    get position() {
      return position
    },
    get preambleBytes() {
      return own?.length ?? 0
    },
    read: (maxBytes) => {
      if (position < window.start) return { kind: 'lagged', bytes: window.start - position }
      const buffers = collect(maxBytes)
      if (buffers.length === 0) return window.isClosed ? ENDED : DRAINED
      return { kind: 'data', buffers, bytes: buffers.reduce((sum, { length }) => sum + length, 0) }
    },
    lag: (now) => {
      if (position >= window.end) return { bytes: 0, ms: 0 }
      const since = window.arrivedAt(Math.max(position, window.start))
      return { bytes: window.end - position, ms: Math.max(0, now - since) }
    },
    moveTo: (to, newPreamble) => {
      position = to
      own = newPreamble
    },
  }
}
