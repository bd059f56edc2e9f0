import { createHash } from 'node:crypto'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import { openConnection } from './connection.ts'
import type { Link } from './link.ts'
import type { Redis, RedisScript } from './port.ts'
import { parseRedisUrl } from './url.ts'

export interface RedisOptions {
  /** As {@link parseRedisUrl} takes it. */
  readonly url: string
  readonly clock: Clock
  readonly log?: Pick<Logger, 'info' | 'warn'> | undefined
  /** 2 s by default. */
  readonly commandTimeoutMs?: number | undefined
  /** In [0, 1). */
  readonly random?: (() => number) | undefined
}

/** The {@link Redis} of this process, and what an operator should know of it. */
export interface DataServer extends Redis {
  /** What should be changed at the server although it works; empty while nothing is known of it. */
  warnings(): readonly string[]
  /** Resolves when there is a connection. Rejects with the signal's reason, or RedisUnavailable once disposed. */
  connected(signal?: AbortSignal): Promise<void>
}

/** A script takes well under 1 ms; whoever has not answered then is stuck. */
const COMMAND_TIMEOUT_MS = 2_000
const CONNECT_TIMEOUT_MS = 2_000
/** More than a controller ever has under way; beyond it the server is stuck, and waiting calls are only memory. */
const MAX_UNDER_WAY = 1_000

/**
 * Opens the way to the data server and returns at once; connecting goes on behind it, also after failures. Calls made
 * while there is no connection reject at once instead of waiting.
 * @throws {RedisUrlInvalid}
 */
export function openRedis(options: RedisOptions): DataServer {
  const connection = openConnection({
    address: parseRedisUrl(options.url),
    clock: options.clock,
    log: options.log,
    commandTimeoutMs: options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    random: options.random,
  })
  const digests = new WeakMap<RedisScript, string>()
  let underWay = 0

  /**
   * The present link, unless its knowledge of the server's clock is of another time: instants that are converted by it
   * would be wrong by as much as our clock was set, and a drain's deadline come too soon (I5). A new link asks anew.
   */
  function steadyLink(): Link {
    const { link } = connection.present()
    if (link.hasClockStepped()) {
      const why = "this machine's clock was set, or stood still: the server's is asked for anew"
      link.close(why)
      throw connection.unavailable(why)
    }
    return link
  }

  function digestOf(script: RedisScript): string {
    const digest = digests.get(script) ?? createHash('sha1').update(script.source).digest('hex')
    digests.set(script, digest)
    return digest
  }

  /** On one and the same link: a server that does not know the script has not run it. */
  async function evaluate(link: Link, script: RedisScript, rest: readonly (string | number)[]) {
    try {
      return await link.call('evalsha', digestOf(script), ...rest)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await link.call('eval', script.source, ...rest)
    }
  }

  return {
    address: connection.address,
    async run(script, keys, args) {
      const link = steadyLink()
      if (underWay >= MAX_UNDER_WAY) {
        throw connection.unavailable(`${MAX_UNDER_WAY} calls wait for an answer already`)
      }
      underWay++
      try {
        return await evaluate(link, script, [keys.length, ...keys, ...args])
      } catch (error) {
        throw connection.unavailable(`${script.name}: ${(error as Error).message}`)
      } finally {
        underWay--
      }
    },
    server() {
      const { runId, skewMs } = steadyLink().server
      return { runId, skewMs }
    },
    warnings() {
      try {
        const { warning } = connection.present().link.server
        return warning === undefined ? [] : [`Redis at ${connection.address}: ${warning}`]
      } catch {
        return []
      }
    },
    connected: (signal) => connection.connected(signal),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  }
}
