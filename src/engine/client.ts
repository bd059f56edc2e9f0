import * as z from 'zod'
import { type HttpAnswer, HttpFailed, type HttpGet } from '../net/http.ts'
import type { Clock } from '../time/clock.ts'

/** What one probe showed. */
export type ProbeResult =
  /** `connected`: its word on its network, where it was asked for one and gave it. */
  | { readonly kind: 'ready'; readonly connected?: boolean | undefined }
  /** `silent`: nothing came back, so that the way to the engine may be at fault instead of the engine. */
  | { readonly kind: 'failed'; readonly message: string; readonly silent: boolean }
  /** We could not even ask: it says nothing about the engine. */
  | { readonly kind: 'blind'; readonly message: string }

export interface ProbeCall {
  /** For the whole probe. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Whether to ask, in what is left of the time, also whether it reaches its network. */
  readonly asksNetwork?: boolean | undefined
}

/** Asks an engine at `http://host:port` whether its HTTP API answers sensibly. Never rejects. */
export type Probe = (url: string, call: ProbeCall) => Promise<ProbeResult>

/**
 * get_status and not get_version: an engine that hangs may still tell its version, and orchestrators
 * of these images probe get_status on all of them. It needs no access token.
 */
const STATUS = '/server/api?api_version=3&method=get_status'
/** For builds that do not know or do not allow the former. */
const VERSION = '/webui/api/service?method=get_version'

/** Its own word on the network: the one sign that comes from inside the tunnel. */
const NETWORK = '/server/api?api_version=3&method=get_network_connection_status'

const answerShape = z.object({ result: z.record(z.string(), z.unknown()) })

const networkShape = z.object({ result: z.object({ connected: z.boolean() }) })

/** Undefined for every other answer: a build may not know the question, or not let us ask it. */
function readConnected(answer: HttpAnswer): boolean | undefined {
  if (answer.status !== 200) return undefined
  try {
    return networkShape.safeParse(JSON.parse(answer.body)).data?.result.connected
  } catch {
    return undefined
  }
}

function isSensible(answer: HttpAnswer): boolean {
  if (answer.status !== 200) return false
  try {
    return answerShape.safeParse(JSON.parse(answer.body)).success
  } catch {
    return false
  }
}

/** Whether the engine answered like an API that has no such method, not like one in trouble. */
function isUnknownMethod(answer: HttpAnswer): boolean {
  return [401, 403, 404, 405].includes(answer.status)
}

function describe(answer: HttpAnswer): string {
  const start = answer.body.slice(0, 80).replace(/\s+/g, ' ').trim()
  return answer.status === 200
    ? `answered 200 with something else than a result: ${start}`
    : `answered ${answer.status}`
}

function afterFailure(error: unknown): ProbeResult {
  if (!(error instanceof HttpFailed)) return { kind: 'blind', message: String(error) }
  if (error.failure === 'ours' || error.failure === 'aborted')
    return { kind: 'blind', message: error.message }
  const silent = error.failure === 'timeout' || error.failure === 'unreachable'
  return { kind: 'failed', message: error.message, silent }
}

/**
 * Each probe opens a connection of its own, as a viewer would: over a kept one, an engine that can accept no more
 * would go on looking well, and an engine would spend a thread on us.
 */
export function createProbe(http: HttpGet, clock: Pick<Clock, 'monotonic'>): Probe {
  return async (url, call) => {
    const due = clock.monotonic() + call.timeoutMs
    const base = url.replace(/\/+$/, '')
    const ask = (path: string) =>
      http(base + path, {
        timeoutMs: Math.max(1, due - clock.monotonic()),
        signal: call.signal,
        fresh: true,
      })
    /** Whatever becomes of this request, the engine has answered already. */
    const ready = async (): Promise<ProbeResult> => {
      if (call.asksNetwork !== true) return { kind: 'ready' }
      const connected = await ask(NETWORK).then(readConnected, () => undefined)
      return connected === undefined ? { kind: 'ready' } : { kind: 'ready', connected }
    }
    try {
      const answer = await ask(STATUS)
      if (isSensible(answer)) return await ready()
      if (isUnknownMethod(answer) && isSensible(await ask(VERSION))) return await ready()
      return { kind: 'failed', message: describe(answer), silent: false }
    } catch (error) {
      return afterFailure(error)
    }
  }
}
