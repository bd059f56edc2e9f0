import type { IncomingMessage } from 'node:http'
import type { Clock } from '../time/clock.ts'
import { shorten, type Verb } from './answer.ts'
import { DockerError } from './errors.ts'

/** An answer that is still coming. Disposing it drops the connection. */
export interface Connection extends Disposable {
  /**
   * The next chunk; `idle` after so many ms without one (read again to go on waiting); `end` at its end.
   * @throws {DockerError} when the connection broke or was given up
   */
  read(idleMs: number): Promise<Buffer | 'idle' | 'end'>
}

interface ConnectionParts {
  readonly verb: Verb
  readonly target: string
  readonly clock: Clock
  readonly stream: IncomingMessage
  /** Drops the connection. */
  readonly stop: AbortController
  /** The consumer's own signal. */
  readonly signal: AbortSignal
}

/** Takes over an answer whose head has come. */
export function makeConnection(parts: ConnectionParts): Connection {
  const { clock, stream, stop, signal } = parts
  const onAbort = () => stop.abort()
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  // A connection that a NAT has forgotten gives no sign of its own.
  stream.socket?.setKeepAlive(true, 30_000)
  const chunks = stream[Symbol.asyncIterator]()
  let pending: Promise<Buffer | 'end'> | undefined

  const next = async (): Promise<Buffer | 'end'> => {
    const { done, value } = await chunks.next().catch((cause: unknown) => {
      const why = signal.aborted ? 'aborted by its caller' : 'the connection broke'
      const what = `docker ${parts.verb} ${shorten(parts.target)}`.trimEnd()
      throw new DockerError(`${what}: ${why}`, { cause })
    })
    return done === true ? 'end' : Buffer.from(value)
  }

  return {
    read: async (idleMs) => {
      if (pending === undefined) {
        pending = next()
        // It may fail while nobody reads.
        pending.catch(() => {})
      }
      const idle = Promise.withResolvers<'idle'>()
      using _ = clock.timer(idleMs, () => idle.resolve('idle'))
      const got = await Promise.race([pending, idle.promise])
      if (got !== 'idle') pending = undefined
      return got
    },
    [Symbol.dispose]: () => {
      signal.removeEventListener('abort', onAbort)
      stop.abort()
      stream.destroy()
    },
  }
}
