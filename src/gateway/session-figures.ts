import type { SessionFigures } from '../store/session-figures.ts'
import type { SessionView } from './sessions.ts'

/** What can be written of an amount, whatever it was measured to be. */
export function amount(value: number): number {
  return Number.isFinite(value) ? Math.max(0, value) : 0
}

/** What this gateway knows of a session without asking its engine; `now` is monotonic, ms. */
export function sessionFigures(
  { session, viewers, startedAt }: Omit<SessionView, 'key'>,
  now: number,
): SessionFigures {
  const { buffer, bitrate } = session.feed
  const isEmpty = buffer.start === buffer.end
  return {
    ...{ viewers, startedAt: amount(startedAt), skippedBytes: session.skippedBytes },
    ...(bitrate !== undefined && { bitsPerS: Math.round(amount(bitrate)) }),
    bufferedMs: isEmpty ? 0 : Math.round(amount(now - buffer.arrivedAt(buffer.start))),
  }
}
