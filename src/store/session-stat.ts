import { z } from 'zod'

const amount = z.number().nonnegative()

const sessionStatSchema = z.object({
  peers: amount,
  downBytesPerS: amount,
  upBytesPerS: amount,
})

/** What the engine's `stat` last said of one session. */
export type SessionStat = Readonly<z.output<typeof sessionStatSchema>>

/** That of an engine's active sessions, of those that tell, added up. */
export interface EngineStat extends SessionStat {
  /** How many tell. */
  readonly sessions: number
}

/**
 * The text that is stored of what a session's holder measured; empty when it tells nothing.
 * @throws {RangeError} for what cannot have been measured: it must not be written.
 */
export function formatSessionStat(stat: SessionStat | undefined): string {
  if (stat === undefined) return ''
  const parsed = sessionStatSchema.safeParse(stat)
  if (!parsed.success) throw new RangeError(`no statistics of a session: ${parsed.error.message}`)
  return JSON.stringify(parsed.data)
}

/** Reads it back. */
export function parseSessionStat(text: string): SessionStat | undefined {
  return text === '' ? undefined : sessionStatSchema.parse(JSON.parse(text))
}

/** One more session's on top. */
export function addStat(sum: EngineStat | undefined, stat: SessionStat): EngineStat {
  const none = { sessions: 0, peers: 0, downBytesPerS: 0, upBytesPerS: 0 }
  const { sessions, peers, downBytesPerS, upBytesPerS } = sum ?? none
  return {
    sessions: sessions + 1,
    peers: peers + stat.peers,
    downBytesPerS: downBytesPerS + stat.downBytesPerS,
    upBytesPerS: upBytesPerS + stat.upBytesPerS,
  }
}
