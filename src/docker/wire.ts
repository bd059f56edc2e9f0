import type { IncomingMessage } from 'node:http'
import type Dockerode from 'dockerode'
import type { Lease } from '../lease/lease.ts'
import type { Clock } from '../time/clock.ts'
import { type Refusal, readRefusal, type Verb } from './answer.ts'
import { type ClientPool, type Clients, makeClientPool } from './clients.ts'
import { type Connection, makeConnection } from './connection.ts'
import { startDeadline } from './deadline.ts'
import { DockerError, DockerHostInvalid } from './errors.ts'
import { readFailure } from './failure.ts'
import { type DockerHost, scrub } from './host.ts'
import { type DaemonVersion, parseVersion } from './parse.ts'

/** One call, told so that failures of all of them are read in one place. */
export interface Request<T> {
  readonly verb: Verb
  /** Container id, container name or image; empty where the verb has none. */
  readonly target: string
  readonly signal: AbortSignal
  /** Default: the wire's. */
  readonly timeoutMs?: number
  /** Held in the very tick in which `send` is called (I7). */
  readonly lease?: Lease
  readonly send: (clients: Clients, signal: AbortSignal) => Promise<T>
}

/** A call whose answer is an endless or long body. */
export interface StreamRequest extends Omit<Request<never>, 'send'> {
  readonly dial: (client: Dockerode, signal: AbortSignal, done: StreamDone) => void
}

export type StreamDone = (error: Error | null, stream?: unknown) => void

/** The answer, or the daemon's "no". */
export type Exchange<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'refusal'; readonly refusal: Refusal }

/** The way to one daemon. Every method ends by timeout or signal, with a {@link DockerError}. */
export interface Wire extends Disposable {
  readonly clock: Clock
  /** @throws what a call without an answer means. */
  exchange<T>(request: Request<T>): Promise<Exchange<T>>
  /** As exchange, where every refusal is an error. */
  ask<T>(request: Request<T>): Promise<T>
  /** As exchange, where some refusals mean that it is done already. */
  order(request: Request<unknown>): Promise<void>
  /** Resolves when the daemon has begun to answer. */
  open(request: StreamRequest): Promise<Connection>
  version(signal: AbortSignal): Promise<DaemonVersion>
}

export interface WireOptions {
  readonly host: DockerHost
  readonly clock: Clock
  readonly timeoutMs: number
}

/** Docker 20.10's API, the oldest that is tested; all that is used here is the same in later ones. */
const API: readonly [number, number] = [1, 41]

/** Builds the way to the daemon; connects nowhere yet. */
export function makeWire({ host, clock, timeoutMs }: WireOptions): Wire {
  const pool = makeClientPool(host)
  const unversioned = makeUnversioned(pool)
  /** Undefined until the daemon has said what it speaks, and again when it came back as another. */
  let agreed: Clients | undefined
  /** One question for all calls that wait for its answer. */
  let agreeing: Promise<Clients> | undefined

  const fetchVersion = async (signal: AbortSignal): Promise<DaemonVersion> =>
    // Not by the reads' few sockets: a change would wait behind them. The types know no options of `version`.
    parseVersion(
      await (unversioned.mutations.version as (options: object) => Promise<unknown>)({
        abortSignal: signal,
      }),
    )

  async function agree(): Promise<Clients> {
    using deadline = startDeadline(clock, timeoutMs, new AbortController().signal)
    try {
      agreed = pool.at(
        chooseApi(await Promise.race([fetchVersion(deadline.signal), deadline.over])),
      )
      return agreed
    } finally {
      agreeing = undefined
    }
  }

  function agreeOnce(): Promise<Clients> {
    agreeing ??= agree()
    return agreeing
  }

  /** The one place where a request is handed to dockerode: between check and call there is no await (I7). */
  function issue<T>(lease: Lease | undefined, send: () => T): T {
    lease?.assertHeld()
    return send()
  }

  async function exchange<T>(request: Request<T>): Promise<Exchange<T>> {
    const { verb, target, signal, lease } = request
    using deadline = startDeadline(clock, request.timeoutMs ?? timeoutMs, signal)
    let wasSent = false
    const run = async (): Promise<T> => {
      const clients = agreed ?? (await agreeOnce())
      if (deadline.signal.aborted) return await deadline.over
      const answer = issue(lease, () => request.send(clients, deadline.signal))
      wasSent = true
      return await answer
    }
    try {
      return { kind: 'answer', value: await Promise.race([run(), deadline.over]) }
    } catch (error) {
      const refusal = refusalOf(verb, target, error)
      if (refusal === undefined) {
        throw readFailure({ verb, target, address: host.address, wasSent }, error)
      }
      if (refusal.status === 400 && /client version/i.test(refusal.message)) agreed = undefined
      return { kind: 'refusal', refusal }
    }
  }

  async function ask<T>(request: Request<T>): Promise<T> {
    const outcome = await exchange(request)
    if (outcome.kind === 'answer') return outcome.value
    throw readRefusal(outcome.refusal) ?? new DockerError(outcome.refusal.message)
  }

  return {
    clock,
    exchange,
    ask,
    order: async (request) => {
      const outcome = await exchange(request)
      const error = outcome.kind === 'refusal' ? readRefusal(outcome.refusal) : undefined
      if (error !== undefined) throw error
    },
    open: async ({ dial, signal, ...request }) => {
      const stop = new AbortController()
      const send = ({ streams }: Clients, early: AbortSignal) => {
        early.addEventListener('abort', () => stop.abort(), { once: true })
        return openStream((done) => dial(streams, stop.signal, done))
      }
      const stream = await ask({ ...request, signal, send })
      return makeConnection({ ...request, clock, stream, stop, signal })
    },
    version: (signal) =>
      ask({ verb: 'version', target: '', signal, send: (_, early) => fetchVersion(early) }),
    [Symbol.dispose]: () => pool[Symbol.dispose](),
  }
}

/** docker-modem reads the process's own environment first, whatever it is given, and may choke on it. */
function makeUnversioned(pool: ClientPool): Clients {
  try {
    return pool.at(undefined)
  } catch (cause) {
    const why = cause instanceof Error ? scrub(cause.message) : String(cause)
    throw new DockerHostInvalid(`DOCKER_HOST or DOCKER_CERT_PATH can not be used: ${why}`, {
      cause,
    })
  }
}

/** Dialled by callback, not by promise: the error listener must be there before the next tick. */
function openStream(dial: (done: StreamDone) => void): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    dial((error, stream) => {
      if (error !== null && error !== undefined) return reject(error)
      const body = stream as IncomingMessage
      body.on('error', () => {})
      resolve(body)
    })
  })
}

/** 1.41, or the nearest that the daemon speaks: newer daemons drop old versions. */
function chooseApi({ server, api, minApi }: DaemonVersion): string {
  if (isOlder(api, API)) {
    throw new DockerError(
      `Docker ${server} speaks API ${api}, but ${API.join('.')} is needed: install Docker 20.10 or newer`,
    )
  }
  return minApi !== undefined && isOlder(API.join('.'), numbersOf(minApi))
    ? `v${minApi}`
    : `v${API.join('.')}`
}

function numbersOf(version: string): readonly [number, number] {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return [major, minor]
}

function isOlder(version: string, than: readonly [number, number]): boolean {
  const [major, minor] = numbersOf(version)
  return major < than[0] || (major === than[0] && minor < than[1])
}

/** How much of an answer that is no JSON goes into a message. */
const MESSAGE_CHARS = 500

/** Reads dockerode's error; undefined when it is none of an answer. */
function refusalOf(verb: Verb, target: string, error: unknown): Refusal | undefined {
  const { statusCode: status } = error as { statusCode?: unknown }
  if (typeof status !== 'number') return undefined
  const message = scrub(messageOf(error).trim().slice(0, MESSAGE_CHARS)) || 'no reason given'
  return { verb, target, status, message }
}

/** The daemon's own words; of a streamed answer dockerode keeps them in its own message only. */
function messageOf(error: unknown): string {
  const { json, message } = error as { json?: unknown; message: string }
  const said = (json as { message?: unknown } | null | undefined)?.message
  if (typeof said === 'string') return said
  return Buffer.isBuffer(json) ? json.toString() : message.replace(/^\(HTTP code \d+\) .*? - /, '')
}
