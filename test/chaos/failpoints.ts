/**
 * Loaded into a controller process before its own modules (`node --import`): tells the harness of every call that
 * changes the world in the tick in which it is issued, and stops the process where it was told to.
 */
import { Agent, type ClientRequest } from 'node:http'
import { Socket } from 'node:net'
import Dockerode from 'dockerode'
import { listenToHarness, machineNow, report } from './preload/channel.ts'
import type { Failpoint, Order } from './preload/messages.ts'
import { stepWallClock } from './preload/wall-clock.ts'

/** What dockerode hands to docker-modem, in the tick of the guard; the request itself is made a tick later. */
interface DialOptions {
  readonly method: string
  /** Ends in `?` where a query follows. */
  readonly path: string
  readonly options?: Readonly<Record<string, unknown>>
}

interface Modem {
  dial(options: DialOptions, done: unknown): void
}

/** node's own, whose types do not tell of it: called by `http.request`, in its tick. */
interface AgentInside {
  addRequest(request: ClientRequest, options: { readonly socketPath?: string }, ...more: []): void
}

let armed: (Failpoint & { left: number }) | undefined

/** The kernel stops the process before the call returns. */
function stopHere(line: string): void {
  report({ kind: 'hit', line, at: machineNow() })
  process.kill(process.pid, 'SIGSTOP')
}

/** Whether this call, at one of these places, is to meet the failpoint, which then meets no other. */
function takePoint(line: string, ...places: readonly Failpoint['at'][]): Failpoint | undefined {
  if (armed === undefined || !places.includes(armed.at)) return undefined
  if (!new RegExp(armed.line).test(line)) return undefined
  armed.left -= 1
  if (armed.left > 0) return undefined
  const point = armed
  armed = undefined
  return point
}

function stopBeforeBytes(request: ClientRequest, line: string): void {
  request.prependOnceListener('socket', (socket: Socket) => {
    if (socket.connecting) socket.prependOnceListener('connect', () => stopHere(line))
    else stopHere(line)
  })
}

/** As it will stand in the request. */
function lineOf({ method, path, options = {} }: DialOptions): string {
  const query = Object.entries(options._query ?? options).filter(([, v]) => typeof v !== 'object')
  const search = new URLSearchParams(
    query.map(([name, value]): [string, string] => [name, String(value)]),
  )
  return `${method} ${path}${path.endsWith('?') ? search : ''}`.replace(/\?$/, '')
}

const modem = Object.getPrototypeOf(new Dockerode({ socketPath: '/' }).modem) as Modem
const { dial } = modem
modem.dial = function (options, done) {
  const line = lineOf(options)
  if (options.method !== 'GET') report({ kind: 'issued', line, at: machineNow() })
  if (takePoint(line, 'issue') !== undefined) stopHere(line)
  dial.call(this, options, done)
}

const inside = Agent.prototype as unknown as AgentInside
const { addRequest } = inside
inside.addRequest = function (request, options, ...more) {
  // Of all that this process asks, only the daemon is behind a socket file.
  if (options.socketPath !== undefined) {
    const line = `${request.method} ${request.path.replace(/^\/v\d+\.\d+/, '')}`
    const point = takePoint(line, 'send', 'answer')
    if (point?.at === 'send') stopBeforeBytes(request, line)
    if (point?.at === 'answer') request.prependOnceListener('response', () => stopHere(line))
  }
  addRequest.call(this, request, options, ...more)
}

/** What a mark looks like on its way to Redis: an argument of its own. */
const MARK = /\r\n(?:draining|failed)\r\n/

const { write } = Socket.prototype
Socket.prototype.write = function (this: Socket, chunk: unknown, ...more: []) {
  if (armed !== undefined && MARK.test(String(chunk)) && takePoint('REDIS mark', 'send'))
    stopHere('REDIS mark')
  return write.call(this, chunk as string, ...more)
} as typeof write

function obey(order: Order): void {
  if (order.kind === 'step') {
    stepWallClock(order.ms)
    report({ kind: 'stepped' })
  } else {
    armed = { ...order.point, left: order.point.nth }
    report({ kind: 'armed' })
  }
}

listenToHarness(obey)
report({ kind: 'ready' })
