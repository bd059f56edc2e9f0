import type { ContainerId } from '../docker/port.ts'
import type { Endpoint } from './store.ts'

/** A gateway asks for a session of some content. */
export interface Claim {
  /** Names the reservation that may come of it. The same claim again, after its answer was lost, gets the same one. */
  readonly id: string
  /** What is to be played: `id:…` or `infohash:…`. */
  readonly content: string
  /** The gateway. */
  readonly holder: string
  /** Where other gateways reach the holder: the base of a URL; empty when nowhere. */
  readonly relay: string
  /** Unix ms at which the pending reservation lapses unless it is renewed. */
  readonly expiresAt: number
  /** Engines on which this content has just failed. */
  readonly avoid: readonly ContainerId[]
  /** The holder's own session of this content, which goes on until the new one has taken its place; empty when there is none. */
  readonly instead: string
}

/** Somebody's session that a content is played by already. */
export interface PlayingSession {
  readonly id: string
  readonly containerId: ContainerId
  readonly holder: string
  readonly relay: string
}

/** Sessions on one engine. */
export interface SessionCount {
  readonly active: number
  readonly pending: number
}

/**
 * What came of a claim:
 * - `claimed`: a pending reservation on this engine, on which there are now so many sessions.
 * - `playing`: the content has a session already, in the whole fleet there is one at most.
 * - `refused`: no engine has room. How many there are; of them ready and unmarked; places free on those, avoided ones included.
 * - `unsettled`: the store may have forgotten sessions that still run; ask again after so many ms.
 */
export type ClaimAnswer =
  | { readonly kind: 'claimed'; readonly endpoint: Endpoint; readonly load: SessionCount }
  | ({ readonly kind: 'playing' } & PlayingSession)
  | {
      readonly kind: 'refused'
      readonly engines: number
      readonly ready: number
      readonly free: number
    }
  | { readonly kind: 'unsettled'; readonly retryAfterMs: number }

/** What came of telling which infohash a session's content has. `playing`: another session of it came first. */
export type Identified = { readonly kind: 'only' } | ({ readonly kind: 'playing' } & PlayingSession)
