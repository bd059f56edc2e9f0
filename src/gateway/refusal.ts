/**
 * Why a viewer gets nothing, as its HTTP answer says.
 * - `capacity`, `vpn`, `store`, `starting`: 503, with Retry-After. `stopping`: the same; another gateway may have room now.
 * - `unknown`: 404, no engine finds the content. `engine`: 502, engines could not play it.
 * - `format`: 406, it plays, but not in the form that was asked for.
 */
export type RefusalReason =
  | 'capacity'
  | 'vpn'
  | 'store'
  | 'starting'
  | 'stopping'
  | 'unknown'
  | 'engine'
  | 'format'

/** Thrown when a stream cannot be given. The message is for people, with the engine's own reason. */
export class StreamRefused extends Error {
  override readonly name = 'StreamRefused'
  readonly code = 'ACE_STREAM_REFUSED'
  readonly reason: RefusalReason
  /** Seconds after which it is worth another try; undefined when nothing is known to change: then it is remembered. */
  readonly retryAfterS: number | undefined
  /** Whose engines could not; undefined where no fleet was asked. */
  readonly fleet: string | undefined
  constructor(reason: RefusalReason, message: string, retryAfterS?: number, fleet?: string) {
    super(message)
    this.reason = reason
    this.retryAfterS = retryAfterS
    this.fleet = fleet
  }

  get status(): 404 | 406 | 502 | 503 {
    if (this.reason === 'unknown') return 404
    if (this.reason === 'format') return 406
    return this.reason === 'engine' ? 502 : 503
  }
}
