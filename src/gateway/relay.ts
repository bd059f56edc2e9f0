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
/** The owner may still be waiting for its engine's first byte; it answers when that is there. */
const CONNECT_MS = 3_000
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
    const request = http.get(url, { agent: false, signal, headers })
    const giveUp = () => {
      request.destroy()
      resolve(undefined)
    }
    let timer = clock.timer(CONNECT_MS, giveUp)
    // Reached: from now on it is the owner's engine that is waited for.
    request.on('socket', (socket) =>
      socket.once('connect', () => {
        timer[Symbol.dispose]()
        timer = clock.timer(startTimeoutMs, giveUp)
      }),
    )
    request.on('close', () => timer[Symbol.dispose]())
    request.on('error', () => resolve(undefined))
    request.on('response', (response) => {
      const onReadable = () => {
        if (response.readableLength === 0) return void response.read()
        timer[Symbol.dispose]()
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
