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

/** The text that is stored of what a session's holder measured; empty when it tells nothing. */
export function formatSessionStat(stat: SessionStat | undefined): string {
  return stat === undefined ? '' : JSON.stringify(sessionStatSchema.parse(stat))
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
