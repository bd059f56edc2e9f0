import type { Clock } from '../time/clock.ts'
import { type Link, openLink } from './link.ts'
import { RedisUnavailable } from './port.ts'
import { infoFields } from './server-info.ts'
import { addressOf, parseRedisUrl, type RedisAddress } from './url.ts'

export interface ProbeOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Of the keys that acefleet would use: `acefleet:default:`. Nothing is written. */
  readonly prefix: string
}

/** What a server is like for acefleet's purposes. */
export interface RedisProbe {
  /** Without password. */
  readonly address: string
  /** Where the connection was made to, or the sentinels that were asked. */
  readonly hosts: readonly string[]
  readonly version: string
  /** Of this server process. */
  readonly runId: string
  /** Server's clock minus ours, ms; 0 while they differ by less than the look can tell. */
  readonly skewMs: number
  /** How long scripts took, there and back, ms. */
  readonly roundTripsMs: readonly number[]
  /** 0 for no limit. */
  readonly maxMemoryBytes: number
  /** What it drops when memory is short; undefined where it does not tell. */
  readonly memoryPolicy: string | undefined
  readonly appendOnly: boolean
  /** Whether it writes snapshots by itself; undefined where it does not tell. */
  readonly snapshots: boolean | undefined
}

const CONNECT_TIMEOUT_MS = 2_000
const COMMAND_TIMEOUT_MS = 2_000
/** Looks at the round trip, after one that may load what is needed. */
const ROUNDS = 5
/** Reads as acefleet's own scripts do, and changes nothing. */
const LOOK = `return redis.call('EXISTS', KEYS[1])`

/**
 * Comes in once and asks the server what it is like. Nothing on it is changed.
 * @throws {RedisUrlInvalid}
 * @throws {RedisUnavailable} when it cannot be reached or used, with the reason and no secret.
 */
export async function probeRedis(url: string, options: ProbeOptions): Promise<RedisProbe> {
  const { clock, signal } = options
  const target = parseRedisUrl(url)
  const address = addressOf(target)
  try {
    const link = await openLink({
      ...{ address: target, clock, signal, attempt: 0, skewMs: 0 },
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
      silenceMs: CONNECT_TIMEOUT_MS,
    })
    try {
      return await look(link, target, options)
    } finally {
      link.close('the look is over')
      await link.over
    }
  } catch (error) {
    throw new RedisUnavailable(`Redis at ${address}: ${(error as Error).message}`)
  }
}

async function look(
  link: Link,
  target: RedisAddress,
  { clock, prefix }: ProbeOptions,
): Promise<RedisProbe> {
  const fields = infoFields(String(await link.call('info')))
  const roundTripsMs: number[] = []
  for (let round = 0; round <= ROUNDS; round += 1) {
    const askedAt = clock.monotonic()
    await link.call('eval', LOOK, 1, `${prefix}doctor`)
    if (round > 0) roundTripsMs.push(clock.monotonic() - askedAt)
  }
  const { runId, skewMs } = link.server
  return {
    address: addressOf(target),
    hosts: hostsOf(target),
    version: fields.get('redis_version') ?? 'unknown',
    runId,
    skewMs,
    roundTripsMs,
    maxMemoryBytes: Number(fields.get('maxmemory') ?? 0),
    memoryPolicy: fields.get('maxmemory_policy'),
    appendOnly: fields.get('aof_enabled') === '1',
    snapshots: await hasSnapshots(link),
  }
}

function hostsOf({ target }: RedisAddress): readonly string[] {
  const endpoints = target.kind === 'server' ? [target.at] : target.sentinels
  return endpoints.map(({ host }) => host.toLowerCase())
}

/** Users without the right to CONFIG are usual, and managed servers have none. */
async function hasSnapshots(link: Link): Promise<boolean | undefined> {
  const answer = await link.call('config', 'get', 'save').catch(() => undefined)
  return Array.isArray(answer) && answer.length === 2 ? answer[1] !== '' : undefined
}
