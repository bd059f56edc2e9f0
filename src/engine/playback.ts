import type { IncomingMessage } from 'node:http'
import * as z from 'zod'
import { HttpFailed, type HttpGet } from '../net/http.ts'
import type { Clock } from '../time/clock.ts'
import { openBody, shorten } from './open-body.ts'
import { PlaybackFailed } from './playback-failed.ts'

export interface PlaybackCall {
  /** Where the engine is. */
  readonly host: string
  readonly port: number
  /** `id` or `infohash`, and what else the engine is to know. */
  readonly query: readonly (readonly [name: string, value: string])[]
  /** Tells players apart on the engine. */
  readonly playerId: string
  /** From the first request to the first byte: engines buffer for tens of seconds. */
  readonly startTimeoutMs: number
  /** Ends the start, and nothing that flows: that ends with its body. */
  readonly signal: AbortSignal
}

/** What an engine says of a session. Totals in bytes, speeds in KB/s (vendor documentation). */
export interface EngineStat {
  readonly status: string
  readonly peers: number
  readonly speedDown: number
  readonly speedUp: number
  readonly downloaded: number
  readonly uploaded: number
}

/** A session on an engine whose bytes flow. It has one reader; a second would break it. */
export interface Playback {
  /** 40 hex digits, lower case; undefined where the engine did not tell. */
  readonly infohash: string | undefined
  readonly isLive: boolean
  /** Paused; its first bytes are there. Destroying it ends the connection. */
  readonly body: IncomingMessage
  /** Never rejects; undefined when the engine does not say. */
  stat(signal: AbortSignal): Promise<EngineStat | undefined>
  /** Ends the session on the engine. Never rejects: an engine ends what nobody reads by itself. */
  stop(): Promise<void>
}

/** Begins a session and waits for its first bytes. @throws {PlaybackFailed} */
export type StartPlayback = (call: PlaybackCall) => Promise<Playback>

/** One request, ms: an engine that hangs must not eat the whole of the start's time. */
const REQUEST_TIMEOUT_MS = 20_000
/** While it buffers an engine answers 500 and wants to be asked again (measured, 3.2.3), ms. */
const PRELOAD_RETRY_MS = 500
const MAX_REDIRECTS = 5
const STAT_TIMEOUT_MS = 3_000
const STOP_TIMEOUT_MS = 3_000

const startedShape = z.object({
  response: z
    .object({
      playback_url: z.string(),
      stat_url: z.string().optional(),
      command_url: z.string().optional(),
      infohash: z.string().optional(),
      is_live: z.union([z.number(), z.boolean()]).optional(),
    })
    .nullable(),
  error: z.string().nullish(),
})

const speed = z.number().optional()
const statShape = z.object({
  response: z.object({
    status: z.string().default(''),
    peers: z.number().default(0),
    speed_down: speed,
    speed_up: speed,
    // Some builds write them so.
    speedDown: speed,
    speedUp: speed,
    downloaded: z.number().default(0),
    uploaded: z.number().default(0),
  }),
})

type Started = NonNullable<z.output<typeof startedShape>['response']>

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Where the engine really is: it builds URLs from the host it was asked by, which may be another one for it. */
function atEngine(url: string, base: URL): URL {
  const parsed = new URL(url, base)
  parsed.protocol = 'http:'
  parsed.hostname = base.hostname
  parsed.port = base.port
  return parsed
}

/** The same; undefined for what is no URL. */
function tryAtEngine(url: string, base: URL): URL | undefined {
  return URL.canParse(url, base.href) ? atEngine(url, base) : undefined
}

interface Talk {
  readonly base: URL
  readonly call: PlaybackCall
  readonly get: HttpGet
  readonly clock: Clock
  /** ms until the start has taken too long. */
  leftMs(): number
}

function asFailure(error: unknown, { call }: Talk, doing: string): PlaybackFailed {
  if (error instanceof PlaybackFailed) return error
  const aborted =
    call.signal.aborted || (error instanceof HttpFailed && error.failure === 'aborted')
  const why = error instanceof Error ? error.message : String(error)
  return new PlaybackFailed(aborted ? 'aborted' : 'engine', `${doing}: ${why}`, { cause: error })
}

/** Asks for the session. */
async function begin(talk: Talk): Promise<Started> {
  const { base, call, get } = talk
  const url = new URL('/ace/getstream', base)
  for (const [name, value] of call.query) url.searchParams.append(name, value)
  url.searchParams.set('format', 'json')
  url.searchParams.set('pid', call.playerId)
  try {
    const timeoutMs = Math.max(1, Math.min(REQUEST_TIMEOUT_MS, talk.leftMs()))
    const answer = await get(url.href, { timeoutMs, signal: call.signal, fresh: true })
    const said = startedShape.safeParse(parseJson(answer.body)).data
    if (said?.response) return said.response
    if (said?.error) throw new PlaybackFailed('content', said.error)
    throw new PlaybackFailed(
      answer.status >= 500 ? 'content' : 'engine',
      `answered ${answer.status}: ${shorten(answer.body)}`,
    )
  } catch (error) {
    throw asFailure(error, talk, 'no session was begun')
  }
}

/** Follows redirects, and asks again while the engine buffers, until bytes flow. */
async function openFlow(started: Started, talk: Talk): Promise<IncomingMessage> {
  const first = atEngine(started.playback_url, talk.base)
  let url = first
  let redirects = 0
  let last = 'no bytes came in time'
  while (talk.leftMs() > 0) {
    const { signal } = talk.call
    const opened = await openBody(url, { ...talk, signal, timeoutMs: Math.max(1, talk.leftMs()) })
    if (opened.kind === 'flows') return opened.body
    const { status, location, text } = opened
    if (location !== undefined) {
      redirects += 1
      if (redirects > MAX_REDIRECTS) throw new PlaybackFailed('engine', 'redirects without end')
      url = atEngine(location, url)
      continue
    }
    last = `answered ${status}: ${text}`
    if (status !== 500 && status !== 503) throw new PlaybackFailed('engine', last)
    // What the engine said is worth more than an answer that has no time to come.
    if (talk.leftMs() < 2 * PRELOAD_RETRY_MS) break
    await talk.clock.sleep(PRELOAD_RETRY_MS, talk.call.signal)
    url = first
    redirects = 0
  }
  throw new PlaybackFailed('content', last)
}

function makePlayback(started: Started, body: IncomingMessage, talk: Talk): Playback {
  const { get, base } = talk
  const infohash = started.infohash?.toLowerCase()
  return {
    infohash: infohash !== undefined && /^[0-9a-f]{40}$/.test(infohash) ? infohash : undefined,
    isLive: Boolean(started.is_live ?? true),
    body,
    async stat(signal) {
      const url = started.stat_url && tryAtEngine(started.stat_url, base)
      if (!url) return undefined
      const answer = await get(url.href, { timeoutMs: STAT_TIMEOUT_MS, signal }).catch(
        () => undefined,
      )
      const said = statShape.safeParse(parseJson(answer?.body ?? '')).data?.response
      if (said === undefined) return undefined
      const { status, peers, downloaded, uploaded } = said
      const speedDown = said.speed_down ?? said.speedDown ?? 0
      const speedUp = said.speed_up ?? said.speedUp ?? 0
      return { status, peers, speedDown, speedUp, downloaded, uploaded }
    },
    stop: () => stop(started, talk),
  }
}

async function stop(started: Started, { get, base }: Talk): Promise<void> {
  const url = started.command_url && tryAtEngine(started.command_url, base)
  if (!url) return
  url.searchParams.set('method', 'stop')
  const signal = new AbortController().signal
  await get(url.href, { timeoutMs: STOP_TIMEOUT_MS, signal, fresh: true }).catch(() => {})
}

/** Plays over node:http: a session's bytes have no end, so each has a connection of its own. */
export function makeStartPlayback(get: HttpGet, clock: Clock): StartPlayback {
  return async (call) => {
    const startedAt = clock.monotonic()
    const host = call.host.includes(':') ? `[${call.host}]` : call.host
    const talk: Talk = {
      ...{ call, get, clock, base: new URL(`http://${host}:${call.port}/`) },
      leftMs: () => call.startTimeoutMs - (clock.monotonic() - startedAt),
    }
    const started = await begin(talk)
    try {
      return makePlayback(started, await openFlow(started, talk), talk)
    } catch (error) {
      // Somebody may be left who never hears of it: the session would go on on the engine.
      await stop(started, talk)
      throw asFailure(error, talk, 'the session gave no bytes')
    }
  }
}
