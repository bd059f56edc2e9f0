import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { leaseTiming } from '../lease/timing.ts'
import { addressOf, parseRedisUrl } from '../redis/url.ts'
import { printDuration } from '../spec/quantity.ts'
import { CommandFailed } from './command-failed.ts'
import { flag } from './flag.ts'
import { parseDurationFlag, type RedisSettings } from './run-options.ts'

const DEFAULT_TIMING = leaseTiming()

/** What `--redis` parses to. Not read by commander: it would repeat a wrong value, password and all. */
export interface RedisFlags {
  readonly redis?: string
  readonly redisFile?: string
}

/** What the flags of the lease parse to. */
export interface LeaseFlags {
  readonly leaseRedis?: readonly string[]
  readonly leaseRedisFile?: string
  readonly leaseTtl: number
  readonly leaseRenew: number
}

/** Adds where the shared store is. */
export function addRedisFlags(command: Command): Command {
  return command
    .addOption(
      flag(
        '--redis <url>',
        'the Redis that replicas share, instead of --data: redis://[user:password@]host[:port][/db], ' +
          'rediss://… for TLS, redis+sentinel://host:port,host:port/MASTER; ?passwordFile=FILE keeps the password out of it',
      ),
    )
    .addOption(flag('--redis-file <file>', 'a file that holds the URL of --redis'))
}

/** Adds where and how the lease is kept. */
export function addLeaseFlags(command: Command): Command {
  const duration = (flags: string, description: string, ms: number) =>
    flag(flags, description).argParser(parseDurationFlag).default(ms, printDuration(ms))
  return command
    .addOption(
      flag(
        '--lease-redis <url...>',
        'the Redis servers that keep who leads: 1, 3 or 5 independent ones (default: that of --redis)',
      ),
    )
    .addOption(flag('--lease-redis-file <file>', 'a file that holds the URLs of --lease-redis'))
    .addOption(
      duration(
        '--lease-ttl <duration>',
        'how long a fleet waits for a leader that died',
        DEFAULT_TIMING.ttlMs,
      ),
    )
    .addOption(
      duration(
        '--lease-renew <duration>',
        'how often a leader renews its lease',
        DEFAULT_TIMING.renewMs,
      ),
    )
}

/** What a user knows the setting by. */
function nameOf(option: string): string {
  return `--${option} (ACEFLEET_${option.toUpperCase().replaceAll('-', '_')})`
}

/** A value, or what stands in the file that was given instead. */
function valueOrFile(
  option: string,
  value: string | undefined,
  file: string | undefined,
): string | undefined {
  if (file === undefined || file === '') return value === '' ? undefined : value
  const fileName = nameOf(`${option}-file`)
  if (value !== undefined && value !== '')
    throw new CommandFailed(
      `${nameOf(option)} and ${fileName} are both given: leave one of them out`,
    )
  try {
    const text = readFileSync(file, 'utf8').trim()
    if (text !== '') return text
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CommandFailed(`${fileName}: ${file} cannot be read (${code})`, { cause })
  }
  throw new CommandFailed(`${fileName}: ${file} is empty: put the URL into it`)
}

/** URLs of sentinels have commas of their own: only one before another URL parts two. */
function splitUrls(text: string): string[] {
  return text.split(/(?:\s+|\s*,\s*)(?=[a-z+]+:\/\/)/i).map((url) => url.trim())
}

/** The address without password. */
function checked(option: string, url: string): string {
  try {
    return addressOf({ ...parseRedisUrl(url), db: 0 }).toLowerCase()
  } catch (error) {
    throw new CommandFailed(`${nameOf(option)}: ${(error as Error).message}`, { cause: error })
  }
}

/** The store that replicas share; undefined where there is none. */
export function redisUrlOf({ redis, redisFile }: RedisFlags): string | undefined {
  const url = valueOrFile('redis', redis, redisFile)
  if (url !== undefined) checked('redis', url)
  return url
}

/** All that several replicas need; undefined where there is to be one on the embedded store. */
export function redisSettingsOf(
  command: Command,
  flags: RedisFlags & LeaseFlags,
): RedisSettings | undefined {
  const url = redisUrlOf(flags)
  const lease = valueOrFile('lease-redis', flags.leaseRedis?.join(' '), flags.leaseRedisFile)
  if (url === undefined) {
    refuseAlone(command, lease)
    return undefined
  }
  const leaseUrls = lease === undefined ? [url] : splitUrls(lease)
  const addresses = leaseUrls.map((each) => checked('lease-redis', each))
  const twice = addresses.find((each, index) => addresses.indexOf(each) !== index)
  if (twice !== undefined)
    throw new CommandFailed(`${nameOf('lease-redis')}: ${twice} is named twice: each has one vote`)
  if (![1, 3, 5].includes(leaseUrls.length))
    throw new CommandFailed(
      `${nameOf('lease-redis')}: ${leaseUrls.length} servers are named; it takes 1, 3 or 5 independent ones, ` +
        'for with an even number one more could fail without more being survived',
    )
  const timing = leaseTiming({ ttlMs: flags.leaseTtl, renewMs: flags.leaseRenew })
  return { url, leaseUrls, timing }
}

/** Without a shared store a lease elsewhere would guard nothing. */
function refuseAlone(command: Command, lease: string | undefined): void {
  const isGiven = (key: string) =>
    !['default', undefined].includes(command.getOptionValueSource(key))
  const given = [
    ...(lease === undefined ? [] : ['lease-redis']),
    ...(isGiven('leaseTtl') ? ['lease-ttl'] : []),
    ...(isGiven('leaseRenew') ? ['lease-renew'] : []),
  ]
  if (given.length === 0) return
  throw new CommandFailed(
    `${given.map(nameOf).join(' and ')} needs --redis: on the embedded store of --data there is one process only`,
  )
}
