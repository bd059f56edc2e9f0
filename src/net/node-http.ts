import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { Clock } from '../time/clock.ts'
import {
  type HttpAnswer,
  type HttpCall,
  HttpFailed,
  type HttpFailure,
  type HttpGet,
  type HttpPut,
  MAX_BODY_BYTES,
} from './http.ts'

/** A timer this late means that the process itself stood still, and the answer may lie unread in the socket, ms. */
const STALL_MS = 500

const FAILURE_BY_CODE: Readonly<Record<string, HttpFailure>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  EPROTO: 'garbage',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  EMFILE: 'ours',
  ENFILE: 'ours',
  ENOMEM: 'ours',
  ENOBUFS: 'ours',
  EADDRNOTAVAIL: 'ours',
  EACCES: 'ours',
  EPERM: 'ours',
  ENETUNREACH: 'ours',
  ENETDOWN: 'ours',
  // A name that does not resolve is our resolver's word, not the other side's.
  ENOTFOUND: 'ours',
  EAI_AGAIN: 'ours',
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}

function failureOf(error: unknown): HttpFailed {
  if (error instanceof HttpFailed) return error
  const code = codeOf(error)
  // Node's parser names what it dislikes HPE_…; anything else unnamed is a connection cut short.
  const failure = FAILURE_BY_CODE[code] ?? (code.startsWith('HPE_') ? 'garbage' : 'reset')
  const text = error instanceof Error && error.message !== '' ? error.message : code
  return new HttpFailed(failure, text, { cause: error })
}

function readBody(
  response: http.IncomingMessage,
  done: (answer: HttpAnswer) => void,
  fail: (error: unknown) => void,
): void {
  const chunks: Buffer[] = []
  let size = 0
  response.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > MAX_BODY_BYTES)
      fail(new HttpFailed('garbage', `the answer is longer than ${MAX_BODY_BYTES} bytes`))
    else chunks.push(chunk)
  })
  response.on('error', fail)
  response.on('end', () => {
    done({
      status: response.statusCode ?? 0,
      location: response.headers.location,
      body: Buffer.concat(chunks).toString('utf8'),
    })
  })
}

interface Agents {
  readonly http: http.Agent
  readonly https: https.Agent
}

/** A call, and what it carries where it is no GET. */
interface Message extends HttpCall {
  readonly put?: string | undefined
}

function begin(url: URL, call: Message, agents: Agents, fresh: boolean): http.ClientRequest {
  const { put } = call
  const method = put === undefined ? 'GET' : 'PUT'
  const headers = {
    accept: '*/*',
    ...(fresh && { connection: 'close' }),
    ...(put !== undefined && { 'content-length': Buffer.byteLength(put) }),
    ...call.headers,
  }
  if (url.protocol === 'https:')
    return https.request(url, { method, headers, agent: fresh ? false : agents.https })
  // A URL keeps the brackets of an IPv6 address, a socket wants none.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? 80 : Number(url.port)
  const options = { method, host, port, path: url.pathname + url.search, headers }
  // Without an agent's bookkeeping: half of what a probe costs beside its system calls.
  return fresh
    ? http.request({ ...options, createConnection: () => net.connect({ host, port }) })
    : http.request({ ...options, agent: agents.http })
}

/** One exchange. Settles once, whatever happens, and leaves neither timer nor listener behind. */
function exchange(clock: Clock, agents: Agents, url: URL, call: Message): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const due = clock.monotonic() + call.timeoutMs
    let request: http.ClientRequest | undefined
    let settled = false

    const settle = () => {
      settled = true
      timer[Symbol.dispose]()
      call.signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown) => {
      if (settled) return
      settle()
      request?.destroy()
      reject(failureOf(error))
    }
    const done = (answer: HttpAnswer) => {
      if (settled) return
      settle()
      resolve(answer)
    }
    const onAbort = () => fail(new HttpFailed('aborted', 'aborted', { cause: call.signal.reason }))
    const timer = clock.timer(call.timeoutMs, () => {
      const stalled = clock.monotonic() - due > STALL_MS
      fail(
        stalled
          ? new HttpFailed('ours', 'this process stood still while the answer was awaited')
          : new HttpFailed('timeout', 'no whole answer in time'),
      )
    })
    call.signal.addEventListener('abort', onAbort, { once: true })
    if (call.signal.aborted) return onAbort()

    const send = (fresh: boolean) => {
      const sent = begin(url, call, agents, fresh)
      request = sent
      let answered = false
      sent.on('response', (response) => {
        answered = true
        readBody(response, done, fail)
      })
      sent.on('error', (error) => {
        // The server closed a kept connection while we wrote to it: says nothing, ask again.
        const stale = !fresh && !answered && sent.reusedSocket && codeOf(error) === 'ECONNRESET'
        if (stale && !settled) send(true)
        else fail(error)
      })
      sent.on('close', () => {
        if (request === sent && !settled)
          fail(new HttpFailed('reset', 'the connection ended without an answer'))
      })
      sent.end(call.put)
    }
    try {
      send(call.fresh === true)
    } catch (error) {
      // Node refuses bad header values in this very tick, and names them: only the kind is passed on.
      fail(new HttpFailed('ours', `the request cannot be sent (${codeOf(error)})`))
    }
  })
}

function parseUrl(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (!url || !/^https?:$/.test(url.protocol))
    throw new HttpFailed('ours', 'not an http or https address')
  return url
}

export interface NodeHttp extends Disposable {
  readonly get: HttpGet
  readonly put: HttpPut
}

/** The real {@link HttpGet} and {@link HttpPut}, on node:http. Disposing it closes idle connections. */
export function openNodeHttp(clock: Clock): NodeHttp {
  // Idle connections are dropped soon: engines may run one thread per connection.
  const kept = { keepAlive: true, maxSockets: 4, maxFreeSockets: 2, timeout: 10_000 }
  const agents: Agents = { http: new http.Agent(kept), https: new https.Agent(kept) }
  return {
    get: async (address, call) => exchange(clock, agents, parseUrl(address), call),
    put: async (address, body, call) =>
      exchange(clock, agents, parseUrl(address), { ...call, put: body, fresh: true }),
    [Symbol.dispose]: () => {
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}
