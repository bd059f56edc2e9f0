import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { homedir } from 'node:os'
import { resolveDockerHost } from '../../src/docker/host.ts'

/** One call to the daemon, as it arrived. */
export interface MeteredCall {
  readonly kind: 'list' | 'inspect' | 'events' | 'otherRead' | 'mutation'
  /** `POST /containers/create?name=a`, without the API version. */
  readonly line: string
  /** Unix ms, with fractions. */
  readonly at: number
}

/** A socket in front of the real daemon that notes every call. */
export interface DaemonMeter extends AsyncDisposable {
  /** For DOCKER_HOST. */
  readonly url: string
  /** All calls so far, oldest first. */
  readonly calls: readonly MeteredCall[]
  /** Called at every call, before it is passed on. */
  onCall: (call: MeteredCall) => void
  /** Tells everybody who listens to events the latest one of ours again: doubled, it leaves nothing to be done. */
  repeatLastEvent(): void
}

const nowMs = () => performance.timeOrigin + performance.now()

function kindOf(method: string, path: string): MeteredCall['kind'] {
  if (method !== 'GET' && method !== 'HEAD') return 'mutation'
  if (path.startsWith('/containers/json')) return 'list'
  if (/^\/containers\/[^/]+\/json/.test(path)) return 'inspect'
  return path.startsWith('/events') ? 'events' : 'otherRead'
}

function daemonAddress() {
  const { target, tls } = resolveDockerHost({ env: process.env, home: homedir() })
  if (tls !== undefined) throw new Error('the meter speaks to a daemon without TLS')
  return target.kind === 'socket'
    ? { socketPath: target.path }
    : { host: target.host, port: target.port }
}

/** Starts a meter on a socket that is not there yet. Events of ours are known by the text `ours` in them. */
export async function meterDaemon(socket: string, ours: string): Promise<DaemonMeter> {
  const target = daemonAddress()
  const calls: MeteredCall[] = []
  const listeners = new Set<ServerResponse>()
  let lastEvent = ''

  function passOn(incoming: IncomingMessage, outgoing: ServerResponse, isEvents: boolean): void {
    const { method, url, headers } = incoming
    const upstream = request({ ...target, method, path: url, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      outgoing.flushHeaders()
      if (isEvents) remember(answer, outgoing)
      answer.pipe(outgoing)
    })
    upstream.on('error', () => outgoing.destroy())
    outgoing.on('error', () => upstream.destroy())
    outgoing.on('close', () => upstream.destroy())
    incoming.pipe(upstream)
  }

  function remember(answer: IncomingMessage, outgoing: ServerResponse): void {
    listeners.add(outgoing)
    outgoing.on('close', () => listeners.delete(outgoing))
    answer.on('data', (chunk: Buffer) => {
      const lines = chunk.toString('utf8').split('\n')
      lastEvent = lines.findLast((line) => line.startsWith('{') && line.includes(ours)) ?? lastEvent
    })
  }

  const server = createServer((incoming, outgoing) => {
    const at = nowMs()
    const path = (incoming.url ?? '').replace(/^\/v\d+\.\d+/, '')
    const kind = kindOf(incoming.method ?? '', path)
    const call = { kind, line: `${incoming.method} ${path}`, at }
    calls.push(call)
    meter.onCall(call)
    passOn(incoming, outgoing, kind === 'events')
  })
  // The daemon keeps idle connections for ever, and so does what stands in front of it.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(socket, resolve))

  const meter: DaemonMeter = {
    url: `unix://${socket}`,
    calls,
    onCall: () => {},
    repeatLastEvent() {
      if (lastEvent === '') throw new Error('there was no event yet to repeat')
      for (const listener of listeners) listener.write(`${lastEvent}\n`)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return meter
}
