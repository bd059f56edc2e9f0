/** Thrown when Redis did not answer in time, or refused. What was asked may have been done all the same. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable'
  readonly code = 'ACE_REDIS_UNAVAILABLE'
}

/** A Lua script: one atomic step on the server. Sent by its digest, and whole when the server does not know it. */
export interface RedisScript {
  /** For messages. */
  readonly name: string
  readonly source: string
}

/** What is known of the server process at the other end of a connection. */
export interface RedisServer {
  /** Another one after every restart and failover. */
  readonly runId: string
  /** Server's clock minus ours, ms; 0 while they differ by less than what a round trip can tell. */
  readonly skewMs: number
}

/** One data server, wherever it is after failovers. Reconnects by itself; nothing is ever sent twice behind the caller's back. */
export interface Redis extends AsyncDisposable {
  /** Without password: fit for messages. */
  readonly address: string
  /**
   * Runs a script. The server that runs it is the one that {@link server} tells of in the tick in which it is sent.
   * @throws {RedisUnavailable}
   */
  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown>
  /** Of the present connection. @throws {RedisUnavailable} while there is none. */
  server(): RedisServer
}
