import type { ServerResponse } from 'node:http'
import type { Clock } from '../time/clock.ts'
import type { Cursor } from './fanout/cursor.ts'
import type { Feed } from './fanout/feed.ts'
import type { GatewaySettings } from './settings.ts'

/** Why a viewer got no more. `left` is its own doing. */
export type ViewerEnd = 'left' | 'ended' | 'lagged' | 'stalled'

/** What is handed to a connection before it has taken what it has: the rest stays in the shared ring, bytes. */
const IN_FLIGHT_BYTES = 256 * 1024
/** Looks come once a second; of one that comes later than this, the rest was a pause, ms. */
const LATEST_LOOK_MS = 2_000

/** Whom a viewer tells of its bytes. */
export interface ViewerBytes {
  readonly onWrite: (bytes: number) => void
  readonly onSkip: (bytes: number) => void
}

/**
 * Writes a feed to one viewer. It takes no more from the feed than the connection takes from it, so that a slow viewer
 * costs a place in the ring and no memory of its own, and never waits for anybody.
 */
export class Viewer {
  readonly ended: Promise<ViewerEnd>
  readonly #res: ServerResponse
  readonly #feed: Feed
  readonly #cursor: Cursor
  readonly #settings: Pick<GatewaySettings, 'slowViewer' | 'stalledMs' | 'buffer'>
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #bytes: ViewerBytes
  readonly #end = Promise.withResolvers<ViewerEnd>()
  #isOver = false
  /** Bytes that the kernel had taken when progress was last looked for, when that was, and for how long there was none. */
  #taken = 0
  #lookedAt: number
  #stuckMs = 0
  #skippedBytes = 0

  constructor(
    res: ServerResponse,
    { feed, cursor }: { readonly feed: Feed; readonly cursor: Cursor },
    settings: Pick<GatewaySettings, 'slowViewer' | 'stalledMs' | 'buffer'>,
    clock: Pick<Clock, 'monotonic'>,
    bytes: ViewerBytes,
  ) {
    this.#res = res
    this.#feed = feed
    this.#cursor = cursor
    this.#settings = settings
    this.#clock = clock
    this.#bytes = bytes
    this.#lookedAt = clock.monotonic()
    this.ended = this.#end.promise
    res.on('drain', () => this.pump())
    res.once('close', () => this.#finish('left'))
    // What is written to a connection that broke fails; its close tells.
    res.on('error', () => {})
  }

  /** Bytes left out because this viewer was too slow. */
  get skippedBytes(): number {
    return this.#skippedBytes
  }

  /** Writes what is there, as far as the connection takes it. */
  pump(): void {
    while (!this.#isOver && this.#res.writableLength < IN_FLIGHT_BYTES) {
      const reading = this.#cursor.read(IN_FLIGHT_BYTES - this.#res.writableLength)
      if (reading.kind === 'drained') return
      if (reading.kind === 'ended') {
        this.#finish('ended')
        return
      }
      if (reading.kind === 'lagged') {
        this.#skippedBytes += reading.bytes
        this.#bytes.onSkip(reading.bytes)
        if (this.#settings.slowViewer === 'cut' || !this.#feed.skip(this.#cursor)) {
          this.#cut('lagged')
          return
        }
        continue
      }
      for (const buffer of reading.buffers) {
        this.#bytes.onWrite(buffer.length)
        this.#res.write(buffer)
      }
    }
  }

  /** To be called about once a second: finds connections that take nothing although there is something. */
  look(): void {
    if (this.#isOver) return
    const { socket, writableLength } = this.#res
    const taken = (socket?.bytesWritten ?? 0) - (socket?.writableLength ?? 0)
    const now = this.#clock.monotonic()
    // While this process stood still nobody could take anything.
    const passedMs = Math.min(now - this.#lookedAt, LATEST_LOOK_MS)
    this.#lookedAt = now
    this.#stuckMs = taken !== this.#taken || writableLength === 0 ? 0 : this.#stuckMs + passedMs
    this.#taken = taken
    if (this.#stuckMs >= this.#settings.stalledMs) this.#cut('stalled')
  }

  /** Ends it in good order. */
  end(): void {
    this.#finish('ended')
  }

  /** Tears the connection: an orderly end would tell the player that the stream was whole. */
  #cut(end: ViewerEnd): void {
    this.#finish(end)
    this.#res.destroy()
  }

  #finish(end: ViewerEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    if (end === 'ended') this.#res.end()
    this.#end.resolve(end)
  }
}
