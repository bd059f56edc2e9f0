import type { Redis } from 'ioredis'
import type { Clock } from '../time/clock.ts'
import { type ClientLimits, makeClient } from './client.ts'
import { type Credentials, readCredentials, withoutSecrets } from './credentials.ts'
import { watchSentinels } from './sentinel-watch.ts'
import { readServerInfo, type ServerInfo } from './server-info.ts'
import { moveSkew, TOLERANCE_MS } from './skew.ts'
import type { RedisAddress } from './url.ts'

export interface LinkOptions extends ClientLimits {
  readonly address: RedisAddress
  readonly clock: Clock
  /** For one command once the link stands, ms. */
  readonly commandTimeoutMs: number
  /** How many attempts came before this one. */
  readonly attempt: number
  /** What was known of the server's clock. */
  readonly skewMs: number
  readonly signal: AbortSignal
}

/** One connection to a server that has told who it is. It is never mended: when it is over, another one is opened. */
export interface Link {
  /** Of the server at the other end, as it last said. */
  readonly server: ServerInfo & {
    readonly skewMs: number
    /** Our wall clock minus our monotonic one when the clocks were compared. */
    readonly wallOffsetMs: number
  }
  /** Whether our wall clock was set since, or the machine slept: then what is known of the server's means nothing. */
  hasClockStepped(): boolean
  /** Monotonic ms of the last sign of life. */
  readonly heardAt: number
  /** Resolves with the reason when the connection has ended; every command on it is settled by then. */
  readonly over: Promise<string>
  /** Written in this very tick, or rejected. Errors hold no secret; what was asked may have been done all the same. */
  call(name: string, ...args: (string | number)[]): Promise<unknown>
  /** Asks the server again who it is; ends the link when it may not be written to any more. */
  check(): Promise<void>
  close(reason: string): void
}

/**
 * Opens a connection, comes in, and asks the server who it is.
 * @throws {Error} with a message for people and no secret, when any of that fails.
 */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { address, attempt, signal } = options
  const credentials = await readCredentials(address)
  signal.throwIfAborted()
  const client = makeClient(address, credentials, options, attempt)
  // ioredis's errors carry the command with its arguments, for AUTH the password: only their text goes on.
  const textOf = (error: unknown) =>
    withoutSecrets(error instanceof Error ? error.message : String(error), credentials)
  const ending = watchEnd(client, textOf)
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new Error('it was closed'))
  signal.addEventListener('abort', onAbort)
  try {
    await Promise.race([client.connect(), aborted])
    const server = await Promise.race([greet(client, credentials, options), aborted])
    if (server.refusal !== undefined) throw new Error(server.refusal)
    leaveWhenReplaced(options, credentials, ending)
    return standingLink(client, server, options, ending, textOf)
  } catch (error) {
    const reason = ending.reason() ?? textOf(error)
    ending.close(reason)
    throw new Error(reason)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

interface Ending {
  readonly over: Promise<string>
  /** Why it ended or is about to; undefined while it stands. */
  reason(): string | undefined
  close(reason: string): void
}

function watchEnd(client: Redis, textOf: (error: unknown) => string): Ending {
  const { promise: over, resolve } = Promise.withResolvers<string>()
  let reason: string | undefined
  client.on('error', (error: unknown) => {
    reason ??= textOf(error)
  })
  client.on('end', () => {
    reason ??= 'the server closed the connection'
    resolve(reason)
  })
  return {
    over,
    reason: () => reason,
    close(why) {
      reason ??= why
      client.disconnect()
    },
  }
}

function leaveWhenReplaced(
  { address: { target }, connectTimeoutMs }: LinkOptions,
  credentials: Credentials,
  ending: Ending,
): void {
  if (target.kind !== 'sentinel') return
  const watch = watchSentinels({
    ...{ ...target, ...credentials, connectTimeoutMs },
    onSwitch: () => ending.close('the sentinels have made another server master'),
  })
  void ending.over.then(() => watch[Symbol.dispose]())
}

type Ask = (name: string, ...args: (string | number)[]) => Promise<unknown>

/** Comes in and asks who is there, all in one packet. */
async function greet(
  client: Redis,
  { username, password }: Credentials,
  { address, clock, connectTimeoutMs, skewMs }: LinkOptions,
): Promise<Link['server']> {
  const ask: Ask = (name, ...args) => within(clock, connectTimeoutMs, client.call(name, ...args))
  const entering: Promise<unknown>[] = []
  if (password !== undefined) {
    entering.push(ask('auth', ...(username === undefined ? [] : [username]), password))
  }
  if (address.db !== 0) entering.push(ask('select', address.db))
  // For people who look at CLIENT LIST; whether a user may say it does not matter.
  ask('client', 'setname', 'acefleet').catch(() => {})
  const answers = await Promise.allSettled([...entering, identify(ask, clock, skewMs)])
  // The first refusal is the cause of all others.
  const refused = answers.find((answer) => answer.status === 'rejected')
  if (refused !== undefined) throw refused.reason
  return (answers.at(-1) as PromiseFulfilledResult<Link['server']>).value
}

async function identify(ask: Ask, clock: Clock, knownSkewMs: number): Promise<Link['server']> {
  const askedAt = clock.monotonic()
  const [reading, info] = await Promise.all([
    ask('time').then((answer) => ({
      serverMs: serverTime(answer),
      oursMs: clock.now(),
      wallOffsetMs: wallOffsetMs(clock),
      roundTripMs: clock.monotonic() - askedAt,
    })),
    ask('info'),
  ])
  return {
    ...readServerInfo(String(info)),
    skewMs: moveSkew(knownSkewMs, reading),
    wallOffsetMs: reading.wallOffsetMs,
  }
}

function wallOffsetMs(clock: Pick<Clock, 'now' | 'monotonic'>): number {
  return clock.now() - clock.monotonic()
}

function serverTime(answer: unknown): number {
  const [seconds, micros] = Array.isArray(answer) ? answer.map(Number) : []
  const ms = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
  if (!Number.isFinite(ms)) throw new Error('it gave no time in answer to TIME')
  return ms
}

function standingLink(
  client: Redis,
  first: Link['server'],
  { clock, commandTimeoutMs, connectTimeoutMs }: LinkOptions,
  ending: Ending,
  textOf: (error: unknown) => string,
): Link {
  let server = first
  let heardAt = clock.monotonic()
  async function askWithin(limitMs: number, name: string, args: (string | number)[]) {
    try {
      const answer = await within(clock, limitMs, client.call(name, ...args))
      heardAt = clock.monotonic()
      return answer
    } catch (error) {
      const text = textOf(error)
      // The master has become a replica: whoever is master now is found by a new connection.
      if (text.startsWith('READONLY')) ending.close(text)
      throw new Error(ending.reason() ?? text)
    }
  }
  return {
    get server() {
      return server
    },
    get heardAt() {
      return heardAt
    },
    hasClockStepped: () => Math.abs(wallOffsetMs(clock) - server.wallOffsetMs) > TOLERANCE_MS,
    over: ending.over,
    call: (name, ...args) => askWithin(commandTimeoutMs, name, args),
    async check() {
      const ask: Ask = (name, ...args) => askWithin(connectTimeoutMs, name, args)
      const told = await identify(ask, clock, server.skewMs)
      if (told.refusal !== undefined) ending.close(told.refusal)
      else if (told.runId !== server.runId) ending.close('another server answers on it')
      else server = told
    },
    close: ending.close,
  }
}

/** A limit of our own: ioredis has but one for all commands of a client, and that would be the greeting's as well. */
function within<T>(clock: Clock, ms: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(ms, () => reject(new Error(`no answer within ${ms} ms`)))
    answer.then(resolve, reject).finally(() => timer[Symbol.dispose]())
  })
}
