/** What we use of redlock 5.0.0-beta2, whose own types node's module resolution does not find. */
declare module 'redlock' {
  type Args = readonly (string | number)[]

  /** What redlock asks of a client; ours is no ioredis client, but the way to one. */
  export interface RedlockClient {
    /** Rejects with an error whose message begins with NOSCRIPT when the script has to be sent whole. */
    evalsha(digest: string, keys: number, args: Args): Promise<unknown>
    eval(source: string, keys: number, args: Args): Promise<unknown>
  }

  export interface ExecutionStats {
    readonly votesFor: ReadonlySet<RedlockClient>
    readonly votesAgainst: ReadonlyMap<RedlockClient, Error>
  }

  export class ResourceLockedError extends Error {}

  export class ExecutionError extends Error {
    /** One each; it resolves when all votes are in. */
    readonly attempts: readonly Promise<ExecutionStats>[]
  }

  export interface Lock {
    /** Unix ms; redlock refuses to extend what it thinks is over by the wall clock. */
    expiration: number
  }

  export interface Settings {
    readonly driftFactor: number
    readonly retryCount: number
    readonly retryDelay: number
    readonly retryJitter: number
  }

  export default class Redlock {
    constructor(clients: Iterable<RedlockClient>, settings: Settings)
    acquire(resources: string[], durationMs: number): Promise<Lock>
    extend(lock: Lock, durationMs: number): Promise<Lock>
    release(lock: Lock): Promise<unknown>
  }
}
