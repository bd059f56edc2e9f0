import type { Readable } from 'node:stream'
import type { EngineStat } from '../engine/playback.ts'
import type { SessionStat } from '../store/session-stat.ts'
import type { Endpoint } from '../store/store.ts'

/** Where a session's bytes come from for a while: an engine of its own, or the gateway that has one. */
export interface Source extends AsyncDisposable {
  /** For people: an engine's slot, or a gateway. */
  readonly name: string
  /** The engine's; undefined for a relay. */
  readonly fleet: string | undefined
  /** The engine; undefined for a relay. */
  readonly endpoint: Endpoint | undefined
  /** The reservation at the store; undefined for a relay. */
  readonly reservationId: string | undefined
  /** Paused, with its first bytes there. */
  readonly body: Readable
  /** 40 hex digits; undefined where nobody told. */
  readonly infohash: string | undefined
  /** Aborted when it must not be read any more. */
  readonly lost: AbortSignal
  /** Whether it may be read in this very tick. */
  mayRead(): boolean
  /** Makes sure of it anew. Rejects when it is lost. */
  assertHeld(): Promise<void>
  /** Bytes have come. */
  noteBytes(): void
  /** What its engine says of the session, for the store to be told. A relay tells nothing. */
  noteStat(stat: SessionStat | undefined): void
  /** What the engine says; undefined for a relay, and where it does not say. */
  stat(signal: AbortSignal): Promise<EngineStat | undefined>
}
