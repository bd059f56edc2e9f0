import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleepFor } from 'node:timers/promises'
import { BadBody } from '../common/body.ts'
import { type ApiContext, answer, channelOf, isReady } from './api.ts'
import type { Channels } from './channels.ts'
import { type ControlOptions, control, controlPath } from './control.ts'
import { BadMode, defaultRestartMs, defaultSlowMs, type EngineMode } from './mode.ts'
import type { Network } from './network.ts'
import { type Reply, sendReply, withText } from './reply.ts'
import type { Sessions } from './sessions.ts'
import { streamTo, tsHeaders } from './stream.ts'
import { BadTraits } from './traits.ts'

export interface HttpServerOptions extends ControlOptions {
  readonly channels: Channels
  readonly network: Network
  /** Requests of the API wait for this. */
  readonly started: Promise<void>
  readonly exit: (code: number, afterMs: number) => void
  /** Unix milliseconds. */
  readonly now: () => number
}

/** A wait that keeps no process alive by itself. */
const sleep = (ms: number) => sleepFor(ms, undefined, { ref: false })

/** The engine's HTTP port: its API as the mode of the moment lets it be, and `/standin/…`, which always answers. */
export function createHttpServer(options: HttpServerOptions): Server {
  const { settings, network, sessions, log } = options
  const held = new Set<ServerResponse>()
  let mode: EngineMode = settings.mode
  const context: ApiContext = {
    ...options,
    isConnected: async () => mode.mode !== 'disconnected' && (await network.isConnected()),
    hasContent: () => mode.mode !== 'no-content',
    sleep,
  }

  const setMode = (next: EngineMode) => {
    mode = next.mode === 'restart' ? { mode: 'normal' } : next
    log(`stand-in mode ${JSON.stringify(next)}`)
    if (next.mode === 'exit') options.exit(next.exitCode ?? 1, next.afterMs ?? 0)
    if (next.mode === 'restart') restart(server, sessions, next.forMs ?? defaultRestartMs)
    if (isHung(next)) return
    // Who has waited for a hung engine finds the connection closed, not an answer from nowhere.
    for (const response of held) response.destroy()
  }
  const api = async (url: URL): Promise<Reply> => {
    await options.started
    const { mode: now } = mode
    if (now === 'hang') return { kind: 'held' }
    if (now === 'stall' && url.pathname !== '/webui/api/service') return { kind: 'held' }
    if (now === '500' || now === '503')
      return withText(Number(now), 'the stand-in was told to fail')
    if (now === 'garbage') return withText(200, '<html>this is not JSON')
    if (now === 'reset') return { kind: 'reset' }
    if (mode.mode === 'slow') await sleep(mode.delayMs ?? defaultSlowMs)
    return answer(url, context)
  }
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`)
      const { pathname } = url
      const isControl = pathname.startsWith(controlPath)
      if (!isControl) response.setHeader('Server', serverName)
      const reply = isControl
        ? await control(request, response, pathname, { get: () => mode, set: setMode }, options)
        : await api(url)
      // Nobody is there any more: a stream to nobody would never end.
      if (response.destroyed) return
      if (reply.kind === 'held') hold(response, held)
      else if (reply.kind !== 'stream') sendReply(response, reply)
      else if (request.method === 'HEAD') response.writeHead(200, tsHeaders).end()
      else stream(response, reply, context, () => isHung(mode))
    } catch (error) {
      const isCallers = [BadBody, BadMode, BadTraits].some((known) => error instanceof known)
      sendReply(response, withText(isCallers ? 400 : 500, String(error)))
    }
  }

  // The sweep for slow request headers is the one timer of an idle server: once an hour instead of each 30 s.
  const server = createServer({ connectionsCheckingInterval: 3_600_000 }, (request, response) => {
    void respond(request, response)
  })
  return server
}

/** Real engines are Python's. */
const serverName = 'BaseHTTP/0.3 Python/2.7.15'

const isHung = ({ mode }: EngineMode) => mode === 'hang' || mode === 'stall'

function hold(response: ServerResponse, held: Set<ServerResponse>): void {
  held.add(response)
  response.on('close', () => held.delete(response))
}

function stream(
  response: ServerResponse,
  { playing }: Extract<Reply, { kind: 'stream' }>,
  context: ApiContext,
  isFrozen: () => boolean,
): void {
  const { session } = playing
  streamTo(response, playing, {
    channel: channelOf(session, context),
    sessions: context.sessions,
    traits: () => context.traits.of(session.infohash),
    isReady: () => isReady(session, context),
    isFrozen,
    now: context.now,
  })
}

function restart(server: Server, sessions: Sessions, forMs: number): void {
  const { port, address } = server.address() as AddressInfo
  sessions.forget()
  server.close()
  server.closeAllConnections()
  setTimeout(() => server.listen(port, address), forMs)
}
