import type { ServerResponse } from 'node:http'
import type { Channel } from './channel.ts'
import type { Playing, Reader, Sessions } from './sessions.ts'
import type { Traits } from './traits.ts'

/** How often bytes are sent: ten writes a second cost little, and no player notices. */
const tickMs = 100

/** The most that is made at once, however far behind a reader is. */
const longestWrite = 4 * 2 ** 20

export interface StreamOptions {
  readonly channel: Channel
  readonly sessions: Sessions
  /** As they are at the moment. */
  readonly traits: () => Traits
  /** Whether the content is there yet: until then no byte flows. */
  readonly isReady: () => boolean
  /** The engine hangs: no byte flows. */
  readonly isFrozen: () => boolean
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Sends a session's endless stream to its one reader. The only timer of an engine that plays; none when it idles. */
export function streamTo(response: ServerResponse, playing: Playing, options: StreamOptions): void {
  const { sessions } = options
  const pump = makePump(response, playing, options)
  const timer = setInterval(pump, tickMs)
  const reader: Reader = {
    end: (by) => {
      clearInterval(timer)
      if (by === 'close') response.destroy()
    },
  }
  sessions.hold(playing, reader)
  response.on('close', () => {
    clearInterval(timer)
    sessions.release(playing, reader)
  })
  if (options.traits().preload !== 'waits' || options.isReady()) {
    response.writeHead(200, tsHeaders)
    response.flushHeaders()
  }
  pump()
}

/** One step of a stream: what is due by now, as far as the traits of the moment let it pass. */
function makePump(response: ServerResponse, { session }: Playing, options: StreamOptions) {
  const { channel } = options
  let place: number | undefined
  let sent = 0
  let stalledAt: number | undefined

  const isStalled = ({ stallAfterBytes, stallMs }: Traits, nowMs: number): boolean => {
    if (stallAfterBytes === null) stalledAt = undefined
    if (stallAfterBytes === null || sent < stallAfterBytes) return false
    stalledAt ??= nowMs
    return stallMs === null || nowMs - stalledAt < stallMs
  }
  /** How many bytes go out now. */
  const due = (from: number, traits: Traits, liveMs: number): number => {
    const { burst, cutAfterBytes, stallAfterBytes } = traits
    const perTick = burst === null ? longestWrite : (channel.bytesPerS * burst * tickMs) / 1000
    const untilCut = cutAfterBytes === null ? longestWrite : cutAfterBytes - sent
    const isBeforeStall = stallAfterBytes !== null && stalledAt === undefined
    const untilStall = isBeforeStall ? stallAfterBytes - sent : longestWrite
    const behind = channel.placeAt(liveMs) - from
    return Math.floor(Math.min(behind, perTick, untilCut, untilStall, longestWrite))
  }

  return () => {
    if (options.isFrozen() || !options.isReady()) return
    if (!response.headersSent) response.writeHead(200, tsHeaders)
    const traits = options.traits()
    const { cutAfterBytes, skewBytes, lagMs, backlogMs } = traits
    const nowMs = options.now()
    if (cutAfterBytes !== null && sent >= cutAfterBytes) return cut(response, traits.cutBy)
    if (isStalled(traits, nowMs) || response.writableNeedDrain) return
    const liveMs = nowMs - lagMs
    place ??= channel.placeAt(liveMs - backlogMs) + skewBytes
    place = Math.max(place, channel.placeAt(liveMs - backlogMs - traits.keepsMs))
    const length = due(place, traits, liveMs)
    if (length <= 0) return
    response.write(channel.read(place, length))
    place += length
    sent += length
    session.sentBytes += length
  }
}

function cut(response: ServerResponse, by: Traits['cutBy']): void {
  if (by === 'end') response.end()
  else if (by === 'drop') response.destroy()
  else response.socket?.resetAndDestroy()
}

/** What a stream's answer begins with. */
export const tsHeaders = { 'Content-Type': 'video/mp2t', 'Access-Control-Allow-Origin': '*' }
