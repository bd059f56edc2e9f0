import { mkdtempSync, rmSync } from 'node:fs'
import { link, rename, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveDockerHost } from '../../src/docker/host.ts'

/** What happens to a request on its way. */
export type Fault =
  /** It is taken and not answered. The daemon hears of it when the fault is over, even if nobody waits any more. */
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
  /** Ends all faults, and listens again. */
  heal(): Promise<void>
}

interface Rule extends FaultInForce {
  readonly line: RegExp
  readonly fault: Fault
  /** Resolved when it is disposed. */
  readonly over: Promise<void>
  /** Whether it takes one more. */
  take(): boolean
}

/** One request, whole, and the reply that somebody may still wait for. */
interface Call {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  readonly reply: ServerResponse
}

function makeRule(line: RegExp, fault: Fault, times: number, onOver: () => void): Rule {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  let hits = 0
  return {
    line,
    fault,
    over,
    take: () => hits < times && ++hits > 0,
    hits: () => hits,
    [Symbol.dispose]: () => {
      resolve()
      onOver()
    },
  }
}

/** Starts a proxy on a socket of its own; with `listens: false` the socket is not there yet. */
export async function startDockerProxy({ listens = true } = {}): Promise<DockerProxy> {
  const target = daemonAddress()
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-proxy-'))
  const socket = join(folder, 'docker.sock')
  const heard: string[] = []
  const rules = new Set<Rule>()
  let areEventsMuted = false

  const server = createServer((incoming, reply) => {
    reply.on('error', () => {})
    handle(incoming, reply).catch(() => reply.destroy())
  })
  // The daemon keeps idle connections for ever, and so does what stands in front of it.
  server.keepAliveTimeout = 0
  server.on('clientError', (_, connection) => connection.destroy())

  function ruleFor(line: string): Rule | undefined {
    return [...rules].findLast((rule) => rule.line.test(line) && rule.take())
  }

  async function handle(incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming
    const call: Call = { method, url, headers, body: await buffer(incoming), reply }
    const line = `${method} ${url.replace(/^\/v\d+\.\d+/, '')}`
    heard.push(line)
    const rule = ruleFor(line)
    switch (rule?.fault.kind) {
      case 'answer':
        reply.writeHead(rule.fault.status, { 'content-type': 'application/json' })
        return void reply.end(JSON.stringify({ message: rule.fault.message }))
      case 'loseReply':
        return forwardUnheard(call)
      case 'hang':
        await rule.over
        return reply.destroyed && method !== 'GET' ? forwardUnheard(call) : forward(call)
      case 'delay':
        await sleep(rule.fault.ms)
        return forward(call)
      case undefined:
        return forward(call)
    }
  }

  function send({ method, url, headers, body }: Call) {
    const { 'transfer-encoding': _, ...kept } = headers
    const upstream = request({
      ...target,
      method,
      path: url,
      headers: { ...kept, 'content-length': body.length },
      agent: false,
    })
    upstream.end(body)
    return upstream
  }

  function forward(call: Call): void {
    const { reply } = call
    const upstream = send(call)
    const isEvents = /^(\/v[\d.]+)?\/events/.test(call.url)
    upstream.on('error', () => reply.destroy())
    reply.on('close', () => upstream.destroy())
    upstream.on('response', (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers)
      reply.flushHeaders()
      answer.on('error', () => reply.destroy())
      answer.on('data', (chunk: Buffer) => {
        if (!(isEvents && areEventsMuted)) reply.write(chunk)
      })
      answer.on('end', () => reply.end())
    })
  }

  /** Has the daemon carry it out to the end, whoever hangs up. */
  function forwardUnheard(call: Call): void {
    const upstream = send(call)
    upstream.on('error', () => call.reply.destroy())
    upstream.on('response', (answer) => answer.resume().on('end', () => call.reply.destroy()))
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
    server.closeAllConnections()
    await closed
  }

  async function heal(): Promise<void> {
    for (const rule of rules) rule[Symbol.dispose]()
    areEventsMuted = false
    await listen()
  }

  if (listens) await listen()
  return {
    socket,
    url: `unix://${socket}`,
    heard,
    inject(line, fault, times = Number.POSITIVE_INFINITY) {
      const rule = makeRule(line, fault, times, () => rules.delete(rule))
      rules.add(rule)
      return rule
    },
    muteEvents: (isMuted) => {
      areEventsMuted = isMuted
    },
    cut: () => server.closeAllConnections(),
    async refuse() {
      // Closing removes the name, so the socket gets a second one, behind which nobody listens afterwards.
      const kept = `${socket}.kept`
      await link(socket, kept)
      await vanish()
      await rename(kept, socket)
    },
    vanish,
    heal,
    async [Symbol.asyncDispose]() {
      for (const rule of rules) rule[Symbol.dispose]()
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
