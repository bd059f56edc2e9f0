import type { ContainerId } from '../docker/port.ts'
import type { Source } from './source.ts'

/** What a session looks for a source with. */
export interface Quest {
  /** Engines on which it has just failed. */
  readonly avoid: readonly ContainerId[]
  /** The session's own reservation, which goes on meanwhile; empty when there is none. */
  readonly instead: string
  /** Whether it has been handed over: only another gateway's session will do. */
  readonly elsewhere: boolean
  /** Told of each reservation that is made meanwhile. */
  readonly onClaim: (reservationId: string) => void
  readonly signal: AbortSignal
}

/** Finds where the bytes are to come from. @throws {StreamRefused} when there is nowhere. */
export type FindSource = (quest: Quest) => Promise<Source>
