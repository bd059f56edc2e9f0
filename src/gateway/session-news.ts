import type { PourEnd } from './pour.ts'
import type { StreamRefused } from './refusal.ts'
import type { Source } from './source.ts'

/** Why a source was left; `leaving`: in time, before its engine goes. */
type LeftFor = Exclude<PourEnd['kind'], 'stopped'> | 'leaving'

/**
 * What became of a session:
 * - `started`: its first bytes are there, so many ms after its first viewer asked.
 * - `interrupted`: its source gives no more.
 * - `moved`: it plays from another one, after a gap of so many ms.
 * - `ended`, however it began; without a source it never did. `failure` is undefined when it was closed.
 */
export type SessionNews =
  | { readonly kind: 'started'; readonly source: Source; readonly tookMs: number }
  | { readonly kind: 'interrupted'; readonly source: Source; readonly message: string }
  | {
      readonly kind: 'moved'
      readonly from: Source
      readonly source: Source
      readonly cause: LeftFor
      readonly message: string
      readonly tookMs: number
    }
  | {
      readonly kind: 'ended'
      readonly source: Source | undefined
      readonly failure: StreamRefused | undefined
      readonly message: string
    }
