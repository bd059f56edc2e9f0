/**
 * Why a request got no whole answer. The kinds differ in what they prove:
 * - `refused`, `reset`, `garbage`: the other side was reached and did wrong.
 * - `timeout`, `unreachable`: silence; the other side, or the way there, may be at fault.
 * - `ours`: this process or machine could not even ask (out of file descriptors, no route, no resolver, stalled).
 * - `aborted`: the caller's signal.
 */
export type HttpFailure =
  | 'refused'
  | 'reset'
  | 'garbage'
  | 'timeout'
  | 'unreachable'
  | 'ours'
  | 'aborted'

/** Thrown when a request got no whole answer. An answer with an unwelcome status is no failure. */
export class HttpFailed extends Error {
  override readonly name = 'HttpFailed'
  readonly code = 'ACE_HTTP_FAILED'
  readonly failure: HttpFailure
  constructor(failure: HttpFailure, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.failure = failure
  }
}

export interface HttpCall {
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** For the whole exchange: name lookup, connect, headers and body. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Asks over a connection of its own, as a new client would. */
  readonly fresh?: boolean | undefined
}

export interface HttpAnswer {
  readonly status: number
  /** Where a redirect points; it is not followed. */
  readonly location: string | undefined
  /** As UTF-8, whatever the content type says. */
  readonly body: string
}

/** The most that is read of a body, bytes: hundred times what Gluetun and engines send to a probe. */
export const MAX_BODY_BYTES = 64 * 1024

/** GET of a small text. Rejects with {@link HttpFailed} and nothing else; never follows a redirect. */
export type HttpGet = (url: string, call: HttpCall) => Promise<HttpAnswer>

/**
 * PUT of a small text, over a connection of its own and sent once: a kept connection that turns out to be dead would
 * leave open whether it was heard. Rejects with {@link HttpFailed} and nothing else; only `refused` proves that
 * nothing arrived. Never follows a redirect.
 */
export type HttpPut = (url: string, body: string, call: HttpCall) => Promise<HttpAnswer>
