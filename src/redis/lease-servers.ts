import Redlock, { ExecutionError, type Lock, ResourceLockedError } from 'redlock'
import { type Grant, type LeaseServers, LeaseServersAway } from '../lease/servers.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import { openConnection } from './connection.ts'
import { type LeaseServer, leaseServer } from './lease-server.ts'
import { addressOf, parseRedisUrl, RedisUrlInvalid } from './url.ts'
import { decideByVotes, leaseServersAway, majorityOf } from './votes.ts'

export interface LeaseServersOptions {
  /** 1, 3 or 5 addresses as {@link parseRedisUrl} takes them. */
  readonly urls: readonly string[]
  /** Of all keys: `acefleet:default:`. */
  readonly prefix: string
  readonly clock: Clock
  /** How long one server may take for one answer, ms. */
  readonly commandTimeoutMs?: number | undefined
  readonly log?: Pick<Logger, 'info' | 'warn'> | undefined
  /** In [0, 1). */
  readonly random?: (() => number) | undefined
}

export interface LeaseServerState {
  /** Without password. */
  readonly address: string
  /** Why it is not connected; undefined when it is. */
  readonly trouble: string | undefined
}

/** The {@link LeaseServers} of this process, and how each of them is. */
export interface OpenLeaseServers extends LeaseServers, AsyncDisposable {
  states(): readonly LeaseServerState[]
  /** Why nobody could have a lease of them now; undefined as long as a majority is of use. */
  trouble(): string | undefined
}

/** A round trip on one network takes 1 ms; this covers a server that forks, and leaves three attempts in a ttl of 6 s. */
const COMMAND_TIMEOUT_MS = 400
const CONNECT_TIMEOUT_MS = 1_000

/** Every call is one attempt; when it counts is our keeper's to say. */
const ONE_ATTEMPT = { retryCount: 0, retryDelay: 0, retryJitter: 0, driftFactor: 0 }

/** Answers the stored epoch as text: numbers of Lua's lose digits when written. */
const READ_EPOCH = `return redis.call('GET', KEYS[1]) or '0'`
/** ARGV[1]: the epoch. Answers 1 when it was taken, 0 when the same or a later one is known. Never expires. */
const RAISE_EPOCH = `
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
if known >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1`

/**
 * Opens connections of their own to the lease servers, and returns at once. What a majority of them says counts.
 * @throws {RedisUrlInvalid}
 */
export function openLeaseServers(options: LeaseServersOptions): OpenLeaseServers {
  const { prefix, clock, log, random } = options
  const servers = parseAll(options.urls).map((address) =>
    leaseServer(
      openConnection({
        address,
        clock,
        log,
        random,
        commandTimeoutMs: options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
      }),
      clock,
    ),
  )
  const quorum = majorityOf(servers.length)
  const blocking = servers.length - quorum + 1
  const redlock = new Redlock(
    servers.map(({ client }) => client),
    ONE_ATTEMPT,
  )
  const askAll = (source: string, key: string, ...args: number[]) =>
    servers.map((server) => server.ask(source, key, ...args))
  const epochKey = (name: string) => `${prefix}lease-epoch:${name}`

  return {
    async acquire(name, ttlMs) {
      const twins = twinsAmong(servers)
      if (twins !== undefined) throw new LeaseServersAway(twins)
      const voters = servers.map((server) => server.voter(ttlMs))
      try {
        const lock = await new Redlock(voters, ONE_ATTEMPT).acquire(
          [`${prefix}lease:${name}`],
          Math.ceil(ttlMs),
        )
        return grantOf(redlock, lock, servers.length)
      } catch (error) {
        const { granted, locked, troubles } = await tally(error)
        if (locked > 0 && granted + locked >= quorum) return undefined
        throw leaseServersAway(servers.length, troubles)
      }
    },
    readEpoch: (name) =>
      decideByVotes(
        askAll(READ_EPOCH, epochKey(name)).map(async (answer) => readEpochNumber(await answer)),
        (epochs) => (epochs.length >= quorum ? Math.max(...epochs) : undefined),
      ),
    raiseEpoch: (name, epoch) =>
      decideByVotes(askAll(RAISE_EPOCH, epochKey(name), epoch), (answers) => {
        const taken = answers.filter((answer) => answer === 1).length
        if (taken >= quorum) return true
        return answers.length - taken >= blocking ? false : undefined
      }),
    states: () =>
      servers.map(({ connection }) => ({
        address: connection.address,
        trouble: troubleOf(connection.present),
      })),
    trouble() {
      const troubles = servers.flatMap((server) => server.trouble() ?? [])
      if (troubles.length < blocking) return twinsAmong(servers)
      return leaseServersAway(servers.length, troubles).message
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map(({ connection }) => connection[Symbol.asyncDispose]()))
    },
  }
}

function grantOf(redlock: Redlock, granted: Lock, count: number): Grant {
  let lock = granted
  return {
    async extend(ttlMs) {
      // Whether it is over is the servers' to say: redlock would judge by a wall clock, which may be stepped.
      lock.expiration = Number.POSITIVE_INFINITY
      try {
        lock = await redlock.extend(lock, Math.ceil(ttlMs))
        return 'extended'
      } catch (error) {
        const { locked, troubles } = await tally(error)
        if (locked >= majorityOf(count)) return 'lost'
        throw leaseServersAway(count, troubles)
      }
    },
    async release() {
      // Each server answers within its limit or not at all; what is not given back lapses.
      await redlock.release(lock).catch(() => {})
    },
  }
}

interface Tally {
  readonly granted: number
  /** How many said that another one has it, or nobody. */
  readonly locked: number
  readonly troubles: readonly Error[]
}

/** Waits until each server has answered or failed, and counts. */
async function tally(error: unknown): Promise<Tally> {
  if (!(error instanceof ExecutionError)) throw error
  const [attempt] = error.attempts
  if (attempt === undefined) throw new LeaseServersAway(error.message)
  const { votesFor, votesAgainst } = await attempt
  const against = [...votesAgainst.values()]
  const troubles = against.filter((each) => !(each instanceof ResourceLockedError))
  return { granted: votesFor.size, locked: against.length - troubles.length, troubles }
}

function readEpochNumber(answer: unknown): number {
  const epoch = typeof answer === 'string' ? Number(answer) : Number.NaN
  if (!Number.isSafeInteger(epoch)) throw new Error('what it remembers as epoch is no whole number')
  return epoch
}

function parseAll(urls: readonly string[]) {
  if (![1, 3, 5].includes(urls.length)) {
    throw new RedisUrlInvalid(
      `there are ${urls.length} lease servers: it takes 1, 3 or 5, so that more than half of them can be lost by less than half`,
    )
  }
  const addresses = urls.map(parseRedisUrl)
  const names = addresses.map((address) => addressOf({ ...address, db: 0 }).toLowerCase())
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new RedisUrlInvalid(`the lease server ${twice} is named twice: each has one vote`)
  }
  return addresses
}

/**
 * What is wrong when one server goes by two names: it would refuse the second request for the same lease, as if somebody
 * else held it.
 */
function twinsAmong(servers: readonly LeaseServer[]): string | undefined {
  const seen = new Map<string, string>()
  for (const { connection } of servers) {
    if (troubleOf(connection.present) !== undefined) continue
    const { runId } = connection.present().link.server
    const other = seen.get(runId)
    if (other !== undefined) {
      return `${other} and ${connection.address} are the same server: give independent ones, each has one vote`
    }
    seen.set(runId, connection.address)
  }
  return undefined
}

function troubleOf(look: () => unknown): string | undefined {
  try {
    look()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
