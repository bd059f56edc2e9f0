import type { ServerResponse } from 'node:http'
import type { Session, Sessions } from './sessions.ts'
import { cyclesIn, makeTransportStream } from './transport-stream.ts'

/** How often bytes are sent: ten writes a second cost little, and no player notices. */
const tickMs = 100

/** What a fresh reader gets at once, and the most that one who lagged gets in one go. */
const burstMs = 1000

export interface StreamOptions {
  readonly bitrate: number
  /** While it says so no byte flows, and none is made up for later. */
  readonly isFrozen: () => boolean
}

/** Sends a session's endless stream to its one reader. The only timer of an engine that plays; none when it idles. */
export function streamTo(
  response: ServerResponse,
  session: Session,
  sessions: Sessions,
  { bitrate, isFrozen }: StreamOptions,
): void {
  const stream = makeTransportStream(bitrate)
  let paidUntil = performance.now() - burstMs
  const tick = () => {
    const now = performance.now()
    if (isFrozen() || response.writableNeedDrain) {
      paidUntil = Math.max(paidUntil, now - burstMs)
      return
    }
    const cycles = cyclesIn(now - paidUntil, bitrate)
    if (cycles < 1) return
    const bytes = stream.take(cycles)
    paidUntil += (bytes.length * 8 * 1000) / bitrate
    session.sentBytes += bytes.length
    response.write(bytes)
  }
  sessions.hold(session, response)
  const timer = setInterval(tick, tickMs)
  response.on('close', () => {
    clearInterval(timer)
    if (session.reader === response) sessions.release(session)
  })
  response.writeHead(200, { 'Content-Type': 'video/mp2t', 'Access-Control-Allow-Origin': '*' })
  tick()
}
