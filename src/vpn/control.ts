import { type HttpAnswer, HttpFailed, type HttpGet } from '../net/http.ts'
import type { ControlFailure, ControlReading } from '../observe/observation.ts'
import type { VpnNode } from '../spec/fleet.ts'
import type { Clock } from '../time/clock.ts'
import { adviseOnAbsence, adviseOnRefusal, adviseOnSilence } from './advice.ts'
import { parsePortFile, parsePorts, parsePublicIp, parseStatus } from './answers.ts'
import { readCredentials } from './credentials.ts'
import type { ReadSmallFile } from './small-file.ts'

/** Whom to ask: the node as specified, and what an inspect adds. */
export interface ControlTarget {
  readonly node: Pick<VpnNode, 'name' | 'control' | 'portFile'>
  /** The container's own address, for a node whose spec gives no control URL. */
  readonly address: string | undefined
  /** Unix ms of the container's start: an older port file is of another incarnation. 0 when unknown. */
  readonly startedAt: number
}

/** Reads a node's control server once. Never rejects. */
export type ReadControl = (
  target: ControlTarget,
  signal: AbortSignal,
) => Promise<ControlReading | ControlFailure>

export interface ControlParts {
  readonly http: HttpGet
  readonly readFile: ReadSmallFile
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** For a whole reading; 2 s by default. Gluetun's handlers take below 1 ms. */
  readonly timeoutMs?: number | undefined
}

const STATUS = '/v1/vpn/status'
const PORTS = '/v1/portforward'
/** The route before v3.41.0; since then a redirect to {@link PORTS}. */
const OLD_PORTS = '/v1/openvpn/portforwarded'
const PUBLIC_IP = '/v1/publicip/ip'

/** One answer of several that make a reading. */
type Part<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: ControlFailure['kind']; readonly message: string }

/** The requests of one reading: one deadline, one set of headers. */
interface Conversation {
  readonly node: ControlTarget['node']
  /** Without user, password and query: fit for messages. */
  readonly origin: string
  readonly get: (path: string) => Promise<HttpAnswer>
}

const isRefusal = (status: number) => status === 401 || status === 403

function interpret<T>(
  talk: Conversation,
  path: string,
  answer: HttpAnswer,
  parse: (body: string) => T | undefined,
): Part<T> {
  const { node, origin } = talk
  const route = `GET ${path}`
  const { status } = answer
  if (status === 200) {
    const value = parse(answer.body)
    if (value !== undefined) return { kind: 'value', value }
    return silence(talk, path, 'its answer is not what Gluetun says there')
  }
  if (isRefusal(status)) return { kind: 'refused', message: adviseOnRefusal(node, origin, route) }
  if (status === 404 || status === 405 || (status >= 300 && status < 400))
    return { kind: 'missing', message: adviseOnAbsence(node.name, origin, route, status) }
  return silence(talk, path, `it answered HTTP ${status}`)
}

function silence(talk: Conversation, path: string, why: string): Part<never> {
  const message = adviseOnSilence(talk.node.name, talk.origin, `GET ${path}`, why)
  return { kind: 'unreachable', message }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function ask<T>(
  talk: Conversation,
  path: string,
  parse: (body: string) => T | undefined,
): Promise<Part<T>> {
  try {
    return interpret(talk, path, await talk.get(path), parse)
  } catch (error) {
    return silence(talk, path, reasonOf(error))
  }
}

/**
 * Both generations of the route. A release without the newer one says 404, or 401 up to v3.41.1; one with it
 * redirects the older to it. The redirect is never followed: where it leads, we were refused a moment ago.
 */
async function askPorts(talk: Conversation): Promise<Part<readonly number[]>> {
  try {
    const answer = await talk.get(PORTS)
    const newer = interpret(talk, PORTS, answer, parsePorts)
    if (newer.kind !== 'refused' && answer.status !== 404) return newer
    const older = interpret(talk, OLD_PORTS, await talk.get(OLD_PORTS), parsePorts)
    return older.kind === 'value' || older.kind === 'unreachable' ? older : newer
  } catch (error) {
    return silence(talk, PORTS, reasonOf(error))
  }
}

function baseOf(target: ControlTarget): URL | undefined {
  const { address } = target
  const host = address?.includes(':') ? `[${address}]` : address
  const text = target.node.control.url ?? (host === undefined ? '' : `http://${host}:8000`)
  return URL.canParse(text) ? new URL(text) : undefined
}

/** The ports that the mounted status file tells, unless an earlier incarnation left it behind. */
async function portsFromFile(
  target: ControlTarget,
  readFile: ReadSmallFile,
): Promise<readonly number[] | undefined> {
  const { portFile } = target.node
  if (portFile === undefined) return undefined
  try {
    const file = await readFile(portFile)
    // Both times come from one machine, for the file is mounted from where Gluetun runs.
    return file.modifiedAt < target.startedAt ? undefined : parsePortFile(file.text)
  } catch {
    return undefined
  }
}

/** Builds the reader. It keeps nothing between readings. */
export function createReadControl(parts: ControlParts): ReadControl {
  const { http, readFile, clock, timeoutMs = 2_000 } = parts

  const converse = (
    target: ControlTarget,
    base: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Conversation => {
    const due = clock.monotonic() + timeoutMs
    const prefix = base.origin + base.pathname.replace(/\/+$/, '')
    const get = (path: string) => {
      const leftMs = due - clock.monotonic()
      if (leftMs <= 0) throw new HttpFailed('timeout', 'no whole answer in time')
      return http(prefix + path, { headers, signal, timeoutMs: leftMs })
    }
    return { node: target.node, origin: base.origin, get }
  }

  return async (target, signal) => {
    const at = clock.now()
    const fail = async (kind: ControlFailure['kind'], message: string): Promise<ControlFailure> => {
      const ports = await portsFromFile(target, readFile)
      return { kind, message, at, ...(ports && { ports }) }
    }
    const { name, control } = target.node
    const base = baseOf(target)
    if (base === undefined)
      return fail(
        'unreachable',
        `No address of ${name} is known: give it a control.url in the spec`,
      )
    const credentials = await readCredentials(control, readFile)
    if (credentials.kind === 'unusable') return fail('refused', `${name}: ${credentials.message}`)

    const talk = converse(target, base, credentials.headers, signal)
    const [status, publicIp, asked] = await Promise.all([
      ask(talk, STATUS, parseStatus),
      ask(talk, PUBLIC_IP, parsePublicIp),
      askPorts(talk),
    ])
    if (status.kind !== 'value') return fail(status.kind, status.message)
    // A passing silence on the address must not read as "Gluetun tells none"; a standing refusal leaves a gap.
    if (publicIp.kind === 'unreachable') return fail(publicIp.kind, publicIp.message)

    const fromFile = asked.kind === 'value' ? undefined : await portsFromFile(target, readFile)
    const ports = asked.kind === 'value' ? asked.value : fromFile
    const gaps = {
      ...(asked.kind !== 'value' && ports === undefined && { ports: asked.message }),
      ...(publicIp.kind !== 'value' && { publicIp: publicIp.message }),
    }
    return {
      kind: 'reading',
      status: status.value,
      publicIp: publicIp.kind === 'value' ? publicIp.value : '',
      publicIpEnabled: publicIp.kind === 'value',
      ports: ports ?? [],
      ...(Object.keys(gaps).length > 0 && { gaps }),
      at,
    }
  }
}
