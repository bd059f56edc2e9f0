import { createHmac, timingSafeEqual } from 'node:crypto'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { PlayingSession } from '../store/claim.ts'
import type { Clock } from '../time/clock.ts'
import type { Source } from './source.ts'

/*
 * How a gateway reads a stream that another one plays: a GET of the session by its reservation, answered with the owner's
 * packets as they are. Whoever can read the store may ask: the key to it is kept there.
 */

export const RELAY_PATH = '/ace/relay/'
/** An owner that says nothing for so long is not there, or stands still: its place lapses then. */
const QUIET_MS = 3_000
/** How often an owner says that it waits for its engine's first byte: it answers when that is there. */
const WAITING_MS = 1_000
/** Clocks of replicas differ; what was overheard is of no use for longer, ms. */
const VALID_MS = 60_000
const HEADER = 'x-acefleet-relay'

function sign(key: string, reservationId: string, at: number): string {
  return createHmac('sha256', key).update(`${reservationId} ${at}`).digest('hex')
}

/** What a request to relay names, where it is from a gateway of the same fleet; undefined for all others. */
export function readRelayRequest(
  req: IncomingMessage,
  path: string,
  key: string,
  nowMs: number,
): string | undefined {
  const reservationId = path.slice(RELAY_PATH.length)
  const [at = '', signature = ''] = String(req.headers[HEADER] ?? '').split(' ')
  if (!(Math.abs(nowMs - Number(at)) <= VALID_MS)) return undefined
  const given = Buffer.from(signature, 'hex')
  const right = Buffer.from(sign(key, reservationId, Number(at)), 'hex')
  return given.length === right.length && timingSafeEqual(given, right) ? reservationId : undefined
}

export interface RelayParts {
  readonly clock: Clock
  readonly key: () => Promise<string>
  /** How long the owner's first byte is waited for, ms. */
  readonly startTimeoutMs: number
}

/** Resolves with the answer once its first bytes are there; with undefined when there are none. */
function get(
  url: URL,
  headers: http.OutgoingHttpHeaders,
  { clock, startTimeoutMs }: RelayParts,
  signal: AbortSignal,
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, headers })
    const giveUp = () => {
      request.destroy()
      resolve(undefined)
    }
    // Not given to the request: what flows already outlives the signal of its start.
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    // However often it says that it waits.
    const whole = clock.timer(startTimeoutMs, giveUp)
    let timer = clock.timer(QUIET_MS, giveUp)
    // A connection alone proves nothing: the kernel of a process that stands still takes it.
    request.on('information', () => {
      timer[Symbol.dispose]()
      timer = clock.timer(QUIET_MS, giveUp)
    })
    const settle = () => {
      timer[Symbol.dispose]()
      whole[Symbol.dispose]()
      signal.removeEventListener('abort', giveUp)
    }
    request.on('close', settle)
    request.on('error', () => resolve(undefined))
    request.on('response', (response) => {
      const onReadable = () => {
        if (response.readableLength === 0) return void response.read()
        settle()
        response.off('readable', onReadable)
        resolve(response)
      }
      if (response.statusCode !== 200) return giveUp()
      response.on('readable', onReadable)
      response.once('end', giveUp)
      response.once('error', giveUp)
    })
  })
}

/** Tells the gateway that asks, until it is answered, that somebody is there (102 Processing). */
export function tellWaiting(res: ServerResponse, clock: Clock): Disposable {
  const tell = () => {
    if (res.headersSent || res.destroyed) return
    res.writeProcessing()
    timer = clock.timer(WAITING_MS, tell)
  }
  let timer = clock.timer(WAITING_MS, tell)
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() }
}

/** Reads from the gateway that plays a session; undefined when that one does not, or cannot be reached. */
export async function openRelaySource(
  parts: RelayParts,
  by: PlayingSession,
  signal: AbortSignal,
): Promise<Source | undefined> {
  if (!URL.canParse(by.relay)) return undefined
  const at = parts.clock.now()
  const url = new URL(RELAY_PATH + encodeURIComponent(by.id), by.relay)
  const headers = { [HEADER]: `${at} ${sign(await parts.key(), by.id, at)}` }
  const body = await get(url, headers, parts, signal)
  if (body === undefined) return undefined
  return {
    name: `relay of ${by.holder}`,
    fleet: undefined,
    endpoint: undefined,
    reservationId: undefined,
    body,
    infohash: undefined,
    // Its place is its owner's care, and its end shows in the connection.
    lost: new AbortController().signal,
    mayRead: () => true,
    assertHeld: async () => {},
    noteBytes: () => {},
    noteStat: () => {},
    stat: async () => undefined,
    [Symbol.asyncDispose]: async () => void body.destroy(),
  }
}

/** Answers a gateway whose request cannot be met: it looks anew for who plays the content. */
export function refuseRelay(res: ServerResponse, status: 403 | 409): void {
  res.writeHead(status, { 'Content-Length': 0 }).end()
}
