import { onTestFinished, vi } from 'vitest'
import { type DataServer, openRedis, type RedisOptions } from '../../src/redis/data-server.ts'
import { RedisUnavailable } from '../../src/redis/port.ts'
import { systemClock } from '../../src/time/clock.ts'
import { type StartedRedis, type StartRedisOptions, startRedis } from '../harness/redis.ts'
import { startTcpProxy, type TcpProxy } from '../harness/tcp-proxy.ts'

/** Patience with a busy machine, ms; nothing that is measured. */
export const PATIENCE = { timeout: 30_000, interval: 20 }

export interface Server {
  readonly redis: StartedRedis
  readonly proxy: TcpProxy
  /** The proxy's address instead of the server's. */
  readonly proxyUrl: string
}

/** Takes it to its end when the test is over. */
export function owned<T extends AsyncDisposable>(resource: T): T {
  onTestFinished(() => resource[Symbol.asyncDispose]())
  return resource
}

export async function startServer(options?: StartRedisOptions): Promise<Server> {
  const redis = owned(await startRedis(options))
  const proxy = owned(await startTcpProxy(redis))
  return { redis, proxy, proxyUrl: redis.url.replace(`:${redis.port}`, `:${proxy.port}`) }
}

/** A connection that need not stand yet. */
export function open(url: string, options: Partial<RedisOptions> = {}): DataServer {
  return owned(openRedis({ url, clock: systemClock, ...options }))
}

export async function openConnected(
  url: string,
  options: Partial<RedisOptions> = {},
): Promise<DataServer> {
  const redis = open(url, options)
  await redis.connected(AbortSignal.timeout(PATIENCE.timeout))
  return redis
}

/** Waits until a call goes through. */
export async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  return await vi.waitFor(ask, PATIENCE)
}

/** Everything that the failure of a call says, causes and properties included. */
export async function failureOf(asked: Promise<unknown>): Promise<RedisUnavailable> {
  const answer = await asked.then(
    (value) => new Error(`it was answered: ${String(value)}`),
    (error: unknown) => error,
  )
  if (answer instanceof RedisUnavailable) return answer
  throw new Error('it should have been RedisUnavailable', { cause: answer })
}

/** A log that is only written down. */
export function collectLog() {
  const lines: string[] = []
  const write = (fields: object, text: string) => lines.push(`${text} ${JSON.stringify(fields)}`)
  return { lines, log: { info: write, warn: write } as never }
}
