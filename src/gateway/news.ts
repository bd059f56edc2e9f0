import type { RefusalReason } from './refusal.ts'
import type { SessionNews } from './session-news.ts'
import type { ViewerEnd } from './viewer.ts'

/**
 * What came of asking the store for an engine: `playing`, another session has the content already; `unsettled`, the store
 * counts streams first; `failed`, it did not answer; the others say why there was no engine.
 */
export type ClaimOutcome =
  | 'claimed'
  | 'playing'
  | 'unsettled'
  | 'failed'
  | Extract<RefusalReason, 'capacity' | 'vpn' | 'starting'>

/** What became of one viewer. */
export interface ViewerNews {
  readonly content: string
  /** Another gateway that relays the stream is one as well. */
  readonly isGateway: boolean
  readonly end: ViewerEnd | 'refused'
  /** Why it was refused. */
  readonly refusal: RefusalReason | undefined
  /** From its request to its first byte, ms; undefined when there was none. */
  readonly firstByteMs: number | undefined
  readonly skippedBytes: number
}

/** Whom a gateway tells what happens, for events, metrics and the log. None of them may throw. */
export interface GatewayNews {
  readonly onClaim: (fleet: string, outcome: ClaimOutcome) => void
  /** An engine that was claimed gave no bytes. */
  readonly onStartFailed: (fleet: string) => void
  /** `content` is what the session was asked for. */
  readonly onSession: (content: string, news: SessionNews) => void
  readonly onViewer: (news: ViewerNews) => void
}
