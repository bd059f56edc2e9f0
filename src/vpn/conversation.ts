import { type HttpAnswer, type HttpCall, HttpFailed } from '../net/http.ts'
import type { ControlFailure } from '../observe/observation.ts'
import type { VpnNode } from '../spec/fleet.ts'
import type { Clock } from '../time/clock.ts'
import { type Asked, adviseOnAbsence, adviseOnRefusal, adviseOnSilence } from './advice.ts'
import { parseVersion } from './answers.ts'
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

/** Why a control server did not do as asked. */
export interface Denial {
  readonly kind: ControlFailure['kind']
  /** What, where, and how to mend it. */
  readonly message: string
}

/** One answer of several that make a reading. */
export type Part<T> = { readonly kind: 'value'; readonly value: T } | Denial

/** Requests to one control server, with one set of headers and one deadline for all of them. */
export interface Conversation extends Asked {
  readonly prefix: string
  /** For the next request; throws {@link HttpFailed} when no time is left. */
  readonly call: () => HttpCall
}

export interface ConversationParts {
  readonly readFile: ReadSmallFile
  readonly clock: Pick<Clock, 'monotonic'>
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

function baseOf(target: ControlTarget): URL | undefined {
  const { address } = target
  const host = address?.includes(':') ? `[${address}]` : address
  const text = target.node.control.url ?? (host === undefined ? '' : `http://${host}:8000`)
  return URL.canParse(text) ? new URL(text) : undefined
}

/** Finds out where to ask and with what. Key files are read anew, so that a rotated key counts at once. */
export async function openConversation(
  target: ControlTarget,
  { readFile, clock, timeoutMs, signal }: ConversationParts,
): Promise<Conversation | Denial> {
  const { name, control } = target.node
  const due = clock.monotonic() + timeoutMs
  const base = baseOf(target)
  if (base === undefined) {
    const message = `No address of ${name} is known: give it a control.url in the spec`
    return { kind: 'unreachable', message }
  }
  const credentials = await readCredentials(control, readFile)
  if (credentials.kind === 'unusable') return { kind: 'refused', message: credentials.message }
  return {
    node: target.node,
    origin: base.origin,
    prefix: base.origin + base.pathname.replace(/\/+$/, ''),
    call: () => {
      const leftMs = due - clock.monotonic()
      if (leftMs <= 0) throw new HttpFailed('timeout', 'no whole answer in time')
      return { headers: credentials.headers, signal, timeoutMs: leftMs }
    },
  }
}

/** No role lets us; 403 is what a proxy before it says. */
export function isRefusal(status: number): boolean {
  return status === 401 || status === 403
}

/** Before v3.39.1 an unknown route is 400; up to v3.41.1 it is 401, as if there only were no role for it. */
export function mayLackRoute(status: number): boolean {
  return isRefusal(status) || status === 400 || status === 404 || status === 405
}

/**
 * What an answer means. `askVersion` is only called for a refusal: what to write into the role file depends on the
 * release, and Gluetun does not start on a route that it does not have.
 */
export async function interpret<T>(
  talk: Conversation,
  route: string,
  answer: HttpAnswer,
  parse: (body: string) => T | undefined,
  askVersion: () => Promise<string | undefined>,
): Promise<Part<T>> {
  const { status } = answer
  if (status === 200) {
    const value = parse(answer.body)
    if (value !== undefined) return { kind: 'value', value }
    return silence(talk, route, 'its answer is not what Gluetun says there')
  }
  if (isRefusal(status))
    return { kind: 'refused', message: adviseOnRefusal(talk, route, await askVersion()) }
  if (mayLackRoute(status) || (status >= 300 && status < 400))
    return { kind: 'missing', message: adviseOnAbsence(talk, route, status) }
  return silence(talk, route, `it answered HTTP ${status}`)
}

export function silence(talk: Conversation, route: string, why: unknown): Denial {
  const reason = why instanceof Error ? why.message : String(why)
  return { kind: 'unreachable', message: adviseOnSilence(talk, route, reason) }
}

/** The release that answers; undefined when it does not say, as to strangers since master of 2026. */
export async function askVersion(
  talk: Conversation,
  get: (url: string, call: HttpCall) => Promise<HttpAnswer>,
): Promise<string | undefined> {
  try {
    const { status, body } = await get(`${talk.prefix}/v1/version`, talk.call())
    return status === 200 ? parseVersion(body) : undefined
  } catch {
    return undefined
  }
}
