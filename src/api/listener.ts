import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'

/** How long a client may take for its request's head, ms. */
const HEADERS_TIMEOUT_MS = 10_000
/** How long a request in flight may take after the listener was told to close, ms. */
const CLOSE_GRACE_MS = 3_000
/** How soon a connection that falls idle while closing is closed, ms. */
const SWEEP_MS = 50

/** Thrown when the address cannot be listened on. The message says why and what to do. */
export class ListenFailed extends Error {
  override readonly name = 'ListenFailed'
  readonly code = 'ACE_LISTEN_FAILED'
}

/** A listening server. Disposing it lets requests end, for three seconds at most. */
export interface Listener extends AsyncDisposable {
  readonly host: string
  /** The real one, also when 0 was asked for. */
  readonly port: number
  /** Where a browser or the command line finds it. */
  readonly url: string
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

function failure(error: NodeJS.ErrnoException, host: string, port: number): ListenFailed {
  const where = `${host}:${port}`
  const choose = 'choose another with --listen HOST:PORT (ACEFLEET_LISTEN)'
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: `${where} is taken by another process (another acefleet?): stop it, or ${choose}`,
    EACCES: `no permission to listen on ${where}: ports below 1024 need root; ${choose}`,
    EADDRNOTAVAIL: `${host} is no address of this machine: ${choose}`,
    ENOTFOUND: `${host} does not resolve to an address: ${choose}`,
  }
  const text = why[error.code ?? ''] ?? `cannot listen on ${where}: ${error.message}`
  return new ListenFailed(text, { cause: error })
}

async function close(server: Server): Promise<void> {
  const closed = Promise.withResolvers<void>()
  server.close(() => closed.resolve())
  // A connection whose answer ends after close() was called is kept alive, and nobody else closes it.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
  const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
  server.closeIdleConnections()
  await closed.promise
  clearInterval(sweep)
  clearTimeout(grace)
}

/** Takes a request, or leaves it to others by answering false. */
export type TakeRequest = (req: IncomingMessage, res: ServerResponse) => boolean

/** Starts to serve the application, and before it whatever `take` takes. @throws {ListenFailed} */
export async function listen(
  app: Hono,
  address: { readonly host: string; readonly port: number },
  take: TakeRequest = () => false,
): Promise<Listener> {
  const { host } = address
  const answer = getRequestListener(app.fetch)
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS }, (req, res) => {
    if (!take(req, res)) void answer(req, res)
  })
  const listening = Promise.withResolvers<void>()
  server.on('error', (error) => listening.reject(failure(error, host, address.port)))
  server.listen(address.port, host, listening.resolve)
  await listening.promise
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
  return {
    host,
    port,
    url: `http://${urlHost(host)}:${port}`,
    [Symbol.asyncDispose]: () => close(server),
  }
}
