import { mkdtempSync, rmSync } from 'node:fs'
import { link, rename, rm } from 'node:fs/promises'
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveDockerHost } from '../../src/docker/host.ts'

/** What happens to a request instead of being answered by the daemon. */
export type Fault =
  /** It is taken and never answered, and the daemon never hears of it. */
  | { readonly kind: 'hang' }
  /** It is answered here, and the daemon never hears of it. */
  | { readonly kind: 'answer'; readonly status: number; readonly message: string }
  /** The daemon hears of it this much later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The daemon carries it out; the connection breaks instead of the reply. */
  | { readonly kind: 'loseReply' }

/** A fault that is in force until disposed. */
export interface FaultInForce extends Disposable {
  /** How many requests have met it. */
  hits(): number
}

/** A socket in front of the real daemon that misbehaves as told. */
export interface DockerProxy extends AsyncDisposable {
  readonly socket: string
  /** For DOCKER_HOST. */
  readonly url: string
  /** Every request so far, oldest first, without the API version: `POST /containers/create?name=a`. */
  readonly heard: readonly string[]
  /** Requests whose line matches meet the fault, at most `times` of them. The newest fault rules. */
  inject(line: RegExp, fault: Fault, times?: number): FaultInForce
  /** Whether event streams stay open but bring nothing any more; what happens meanwhile is lost to them. */
  muteEvents(isMuted: boolean): void
  /** Cuts every connection. */
  cut(): void
  /** Cuts every connection and takes no new one: nothing listens on the socket. */
  refuse(): Promise<void>
  /** As refuse, but the socket is not even there. */
  vanish(): Promise<void>
  /** Listens again, without any fault. */
  heal(): Promise<void>
}

interface Rule {
  readonly line: RegExp
  readonly fault: Fault
  left: number
  hits: number
}

/** Starts a proxy on a socket of its own; with `listens: false` the socket is not there yet. */
export async function startDockerProxy({ listens = true } = {}): Promise<DockerProxy> {
  const target = daemonAddress()
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-proxy-'))
  const socket = join(folder, 'docker.sock')
  const heard: string[] = []
  const upstreams = new Set<ClientRequest>()
  let rules: Rule[] = []
  let areEventsMuted = false

  const server = createServer((incoming, outgoing) => {
    outgoing.on('error', () => {})
    handle(incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.keepAliveTimeout = 0
  server.on('clientError', (_, connection) => connection.destroy())

  function take(line: string): Fault | undefined {
    heard.push(line)
    const rule = rules.find((each) => each.left > 0 && each.line.test(line))
    if (rule === undefined) return undefined
    rule.left -= 1
    rule.hits += 1
    return rule.fault
  }

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = (incoming.url ?? '').replace(/^\/v\d+\.\d+/, '')
    const fault = take(`${incoming.method} ${path}`)
    if (fault?.kind === 'hang') return void incoming.resume()
    if (fault?.kind === 'answer') {
      incoming.resume()
      outgoing.writeHead(fault.status, { 'content-type': 'application/json' })
      return void outgoing.end(JSON.stringify({ message: fault.message }))
    }
    if (fault?.kind === 'delay') await sleep(fault.ms)
    forward(incoming, outgoing, fault?.kind === 'loseReply', path.startsWith('/events'))
  }

  function forward(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    losesReply: boolean,
    isEvents: boolean,
  ): void {
    const upstream = request({
      ...target,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
      agent: false,
    })
    upstreams.add(upstream)
    upstream.on('close', () => upstreams.delete(upstream))
    upstream.on('error', () => outgoing.destroy())
    // Who carries a lost reply's request out must not see it cut off.
    if (!losesReply) outgoing.on('close', () => upstream.destroy())
    upstream.on('response', (answer) => {
      if (losesReply) {
        answer.resume().on('end', () => outgoing.destroy())
        return
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      outgoing.flushHeaders()
      answer.on('error', () => outgoing.destroy())
      answer.on('data', (chunk: Buffer) => {
        if (!(isEvents && areEventsMuted)) outgoing.write(chunk)
      })
      answer.on('end', () => outgoing.end())
    })
    incoming.pipe(upstream)
  }

  function cut(): void {
    for (const upstream of upstreams) upstream.destroy()
    server.closeAllConnections()
  }

  async function listen(): Promise<void> {
    if (server.listening) return
    await rm(socket, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socket, resolve)
    })
  }

  async function vanish(): Promise<void> {
    if (!server.listening) return rm(socket, { force: true })
    const closed = new Promise((resolve) => server.close(resolve))
    cut()
    await closed
  }

  if (listens) await listen()
  return {
    socket,
    url: `unix://${socket}`,
    heard,
    inject(line, fault, times = Number.POSITIVE_INFINITY) {
      const rule: Rule = { line, fault, left: times, hits: 0 }
      rules = [rule, ...rules]
      return {
        hits: () => rule.hits,
        [Symbol.dispose]: () => {
          rules = rules.filter((each) => each !== rule)
        },
      }
    },
    muteEvents: (isMuted) => {
      areEventsMuted = isMuted
    },
    cut,
    async refuse() {
      // Closing removes the name, so the socket gets a second one, behind which nobody listens afterwards.
      const kept = `${socket}.kept`
      await link(socket, kept)
      await vanish()
      await rename(kept, socket)
    },
    vanish,
    async heal() {
      rules = []
      areEventsMuted = false
      await listen()
    },
    async [Symbol.asyncDispose]() {
      await vanish()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Where requests go on to, as node's `request` takes it. */
function daemonAddress(): { socketPath: string } | { host: string; port: number } {
  const { target, tls } = resolveDockerHost({ env: process.env, home: homedir() })
  if (tls !== undefined) throw new Error('the proxy of the tests speaks to a daemon without TLS')
  return target.kind === 'socket'
    ? { socketPath: target.path }
    : { host: target.host, port: target.port }
}
