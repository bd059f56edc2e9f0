import * as z from 'zod'
import { type HttpAnswer, HttpFailed, type HttpGet } from '../net/http.ts'
import type { Clock } from '../time/clock.ts'

/** What one probe showed. */
export type ProbeResult =
  | { readonly kind: 'ready' }
  /** `silent`: nothing came back, so that the way to the engine may be at fault instead of the engine. */
  | { readonly kind: 'failed'; readonly message: string; readonly silent: boolean }
  /** We could not even ask: it says nothing about the engine. */
  | { readonly kind: 'blind'; readonly message: string }

export interface ProbeCall {
  /** For the whole probe. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
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

const answerShape = z.object({ result: z.record(z.string(), z.unknown()) })

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
    try {
      const answer = await ask(STATUS)
      if (isSensible(answer)) return { kind: 'ready' }
      if (isUnknownMethod(answer) && isSensible(await ask(VERSION))) return { kind: 'ready' }
      return { kind: 'failed', message: describe(answer), silent: false }
    } catch (error) {
      return afterFailure(error)
    }
  }
}
