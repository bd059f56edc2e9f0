import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { BadBody, readJson } from '../common/body.ts'
import { answer, type Reply } from './api.ts'
import { BadMode, defaultSlowMs, type EngineMode, parseMode } from './mode.ts'
import type { Network } from './network.ts'
import type { Sessions } from './sessions.ts'
import type { EngineSettings } from './settings.ts'
import { streamTo } from './stream.ts'

export interface HttpServerOptions {
  readonly settings: EngineSettings
  readonly sessions: Sessions
  readonly network: Network
  /** Counters that other listeners keep. */
  readonly counters: Readonly<Record<string, number>>
  /** Requests of the API wait for this. */
  readonly started: Promise<void>
  readonly exit: (code: number, afterMs: number) => void
}

/** The engine's HTTP port: its API as the mode of the moment lets it be, and `/standin/…`, which always answers. */
export function createHttpServer(options: HttpServerOptions): Server {
  const { settings, sessions, network } = options
  const held = new Set<ServerResponse>()
  let mode: EngineMode = settings.mode

  const setMode = (next: EngineMode) => {
    mode = next
    console.log(`stand-in mode ${JSON.stringify(next)}`)
    if (next.mode === 'exit') options.exit(next.exitCode ?? 1, next.afterMs ?? 0)
    if (next.mode === 'hang') return
    // Who has waited for a hung engine finds the connection closed, not an answer from nowhere.
    for (const response of held) response.destroy()
  }
  const control = async (request: IncomingMessage, path: string): Promise<Reply> => {
    if (path === '/standin/mode' && request.method === 'POST') {
      const next = parseMode(await readJson(request))
      setMode(next)
      return { kind: 'json', value: next }
    }
    if (path !== '/standin/state' || request.method !== 'GET') {
      return body(404, 'there are POST /standin/mode and GET /standin/state')
    }
    return { kind: 'json', value: describe(options, mode) }
  }
  const api = async (url: URL, response: ServerResponse): Promise<Reply | undefined> => {
    await options.started
    const { mode: now } = mode
    if (now === 'hang') {
      held.add(response)
      response.on('close', () => held.delete(response))
      return undefined
    }
    if (now === '500') return body(500, 'the stand-in was told to fail')
    if (now === 'garbage') return body(200, '<html>this is not JSON')
    if (mode.mode === 'slow') await sleep(mode.delayMs ?? defaultSlowMs)
    const isConnected = async () => mode.mode !== 'disconnected' && (await network.isConnected())
    const hasContent = () => mode.mode !== 'no-content'
    return answer(url, { settings, sessions, isConnected, hasContent })
  }
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`)
      const isControl = url.pathname.startsWith('/standin/')
      const reply = isControl ? await control(request, url.pathname) : await api(url, response)
      // Nobody is there any more: a stream to nobody would never end.
      if (reply === undefined || response.destroyed) return
      if (reply.kind !== 'stream') return send(response, reply)
      if (request.method === 'HEAD') {
        response.writeHead(200, tsHead).end()
        return
      }
      const isFrozen = () => mode.mode === 'hang'
      streamTo(response, reply.session, sessions, { bitrate: settings.bitrate, isFrozen })
    } catch (error) {
      const isCallers = error instanceof BadBody || error instanceof BadMode
      send(response, body(isCallers ? 400 : 500, String(error)))
    }
  }

  // The sweep for slow request headers is the one timer of an idle server: once an hour instead of each 30 s.
  return createServer({ connectionsCheckingInterval: 3_600_000 }, (request, response) => {
    void respond(request, response)
  })
}

const tsHead = { 'Content-Type': 'video/mp2t', 'Access-Control-Allow-Origin': '*' }

function body(status: number, content: string): Extract<Reply, { kind: 'body' }> {
  return { kind: 'body', status, type: 'text/plain', body: content }
}

function describe({ settings, sessions, counters }: HttpServerOptions, mode: EngineMode): object {
  return {
    mode,
    version: settings.version,
    ports: settings.ports,
    sessions: sessions.all().map(({ infohash, key, reader, sentBytes }) => ({
      infohash,
      key,
      isRead: reader !== undefined,
      sentBytes,
    })),
    counters: { ...sessions.counters, ...counters },
  }
}

function send(response: ServerResponse, reply: Exclude<Reply, { kind: 'stream' }>): void {
  switch (reply.kind) {
    case 'json':
      sendBody(response, 200, 'application/json', JSON.stringify(reply.value))
      break
    case 'body':
      sendBody(response, reply.status, reply.type, reply.body)
      break
    case 'redirect': {
      const cors = { 'Access-Control-Allow-Origin': '*' }
      response.writeHead(302, { Location: reply.location, 'Content-Length': 0, ...cors }).end()
      break
    }
    case 'corrupt':
      response.socket?.end('HTTP/1.1 200 OK\r\nHTTP/1.1 500 Internal Server Error\r\n\r\n')
      break
  }
}

function sendBody(
  response: ServerResponse,
  status: number,
  type: string,
  content: string | Buffer,
): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(content) })
  response.end(content)
}
