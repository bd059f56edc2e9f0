import { HttpFailed, type HttpGet, type HttpPut } from '../net/http.ts'
import type { Clock } from '../time/clock.ts'
import { parseOutcome } from './answers.ts'
import {
  askVersion,
  type ControlTarget,
  type Denial,
  interpret,
  openConversation,
  silence,
} from './conversation.ts'
import type { ReadSmallFile } from './small-file.ts'

/** How a stop and start of a VPN through its control server went. */
export type VpnRestart =
  /** Stopped by this call or found stopped, and running since. */
  | { readonly kind: 'restarted' }
  | {
      readonly kind: 'failed'
      /**
       * - `refused`: no role lets us; the message has the lines to add. `missing`: what answers has no such route.
       * - `unreachable`: nothing arrived, or no answer came.
       * - `busy`: by its own word the VPN is starting, stopping or crashed: Gluetun is at work on it.
       * - `unknown`: it was told, and what came of it is not known.
       * - `aborted`: by the caller.
       */
      readonly reason: Denial['kind'] | 'busy' | 'unknown' | 'aborted'
      /** How the VPN was left, as far as this call knows. `untouched`: it was told nothing, or did nothing. */
      readonly vpn: 'untouched' | 'running' | 'stopped' | 'unknown'
      readonly message: string
    }

/** How a restart is to be done, and whether it still may be. */
export interface RestartOrder {
  /** Only the start: the stop was sent by somebody who did not live to send it. */
  readonly isResumed: boolean
  /** Called in the tick in which the first word goes out (I7): what it throws, the call rejects with, and nothing was sent. */
  readonly assertMay: () => void
}

/**
 * Stops the VPN and starts it again. Rejects with what `assertMay` throws, and with nothing else. Once a stop may have arrived, starts are sent until one is
 * answered, several times if need be, and after an abort for a little longer: a VPN left stopped is an outage that
 * this call would have made. The container, its namespace and its published ports stay.
 */
export type RestartVpn = (
  target: ControlTarget,
  order: RestartOrder,
  signal: AbortSignal,
) => Promise<VpnRestart>

export interface RestartVpnParts {
  readonly http: { readonly get: HttpGet; readonly put: HttpPut }
  readonly readFile: ReadSmallFile
  readonly clock: Pick<Clock, 'monotonic' | 'timer' | 'sleep'>
}

// Not /v1/openvpn/status: with WireGuard a start there changes the type of the VPN, and it crashes.
const PATH = '/v1/vpn/status'
const ROUTE = `PUT ${PATH}`

/** A stop takes below 1 s, or up to two minutes on v3.41.1: the start waits in line behind it, so need not this, ms. */
const STOP_TIMEOUT_MS = 15_000
/** With the stop's, and the next start's: beyond the two minutes, ms. */
const START_TIMEOUT_MS = 60_000
/** Before each start but the first, ms. Few: each waits in Gluetun's own line, even when we no longer do. */
const START_PAUSES_MS = [0, 1_000, 3_000]
/** For starts that are still to be sent when the caller gives up, ms: a term has 5 s to let go (LET_GO_MS). */
const GRACE_MS = 3_000
/** A restart from within shows `stopping` and `starting` for some 100 ms: worth another look, ms. */
const BUSY_PAUSES_MS = [0, 1_000, 2_000]

type Put =
  | { readonly kind: 'outcome'; readonly outcome: string }
  /** `certain`: it did not do it, by its own word or because nothing arrived. */
  | (Denial & { readonly certain: boolean })

/** One word to Gluetun. */
interface Word {
  readonly status: 'stopped' | 'running'
  readonly timeoutMs: number
  /** Undefined where it must be sent whoever leads by now: a start after our own stop. */
  readonly assertMay: (() => void) | undefined
}

async function put(
  parts: RestartVpnParts,
  target: ControlTarget,
  { status, timeoutMs, assertMay }: Word,
  signal: AbortSignal,
): Promise<Put> {
  const { http, readFile, clock } = parts
  const talk = await openConversation(target, { readFile, clock, timeoutMs, signal })
  if ('kind' in talk) return { ...talk, certain: true }
  assertMay?.()
  try {
    const answer = await http.put(talk.prefix + PATH, JSON.stringify({ status }), talk.call())
    const release = () => askVersion(talk, http.get)
    const said = await interpret(talk, ROUTE, answer, parseOutcome, release)
    if (said.kind === 'value') return { kind: 'outcome', outcome: said.value }
    return { ...said, certain: said.kind !== 'unreachable' }
  } catch (error) {
    const certain = error instanceof HttpFailed && error.failure === 'refused'
    return { ...silence(talk, ROUTE, error), certain }
  }
}

/** Aborts `ms` after the signal did. */
function withGrace(
  signal: AbortSignal,
  clock: Pick<Clock, 'timer'>,
  ms: number,
): { readonly signal: AbortSignal } & Disposable {
  const later = new AbortController()
  let timer: Disposable | undefined
  const onAbort = () => {
    timer = clock.timer(ms, () => later.abort(signal.reason))
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return {
    signal: later.signal,
    [Symbol.dispose]: () => {
      signal.removeEventListener('abort', onAbort)
      timer?.[Symbol.dispose]()
    },
  }
}

/** False when the signal ended it. */
async function pause(clock: Pick<Clock, 'sleep'>, ms: number, signal: AbortSignal) {
  if (signal.aborted) return false
  if (ms === 0) return true
  return clock.sleep(ms, signal).then(
    () => true,
    () => false,
  )
}

/** Whether the VPN stands still now, for all that is known; or why nothing was changed. */
type Stopped = { readonly kind: 'stopped' | 'perhaps' } | Extract<VpnRestart, { kind: 'failed' }>

async function stopVpn(
  parts: RestartVpnParts,
  target: ControlTarget,
  assertMay: () => void,
  signal: AbortSignal,
): Promise<Stopped> {
  const { name } = target.node
  let message = `The restart of the VPN of ${name} was called off before it began`
  let reason: 'aborted' | 'busy' = 'aborted'
  for (const ms of BUSY_PAUSES_MS) {
    if (!(await pause(parts.clock, ms, signal))) break
    const word = { status: 'stopped', timeoutMs: STOP_TIMEOUT_MS, assertMay } as const
    const said = await put(parts, target, word, signal)
    if (said.kind !== 'outcome') {
      if (!said.certain) return { kind: 'perhaps' }
      return { kind: 'failed', reason: said.kind, vpn: 'untouched', message: said.message }
    }
    if (said.outcome === 'stopped' || said.outcome === 'already stopped') return { kind: 'stopped' }
    if (!said.outcome.startsWith('already ')) return { kind: 'perhaps' }
    reason = 'busy'
    message = `The VPN of ${name} was not restarted: told to stop, Gluetun says "${said.outcome}"`
  }
  return { kind: 'failed', reason, vpn: 'untouched', message }
}

/** What the answers to starts come to. */
function judgeStart(name: string, wasStopped: boolean, said: Put): VpnRestart | undefined {
  if (said.kind !== 'outcome') return undefined
  const { outcome } = said
  const failed = (reason: 'busy' | 'unknown', vpn: 'running' | 'unknown', why: string) =>
    ({ kind: 'failed', reason, vpn, message: `The VPN of ${name} ${why}` }) as const
  if (outcome === 'running' || (outcome === 'already running' && wasStopped))
    return { kind: 'restarted' }
  if (outcome === 'already running')
    return failed('unknown', 'running', 'runs; whether it was stopped before is not known')
  if (outcome === 'crashed' || outcome === 'already crashed')
    return failed('busy', 'unknown', 'crashed on its start; Gluetun tries again by itself')
  return undefined
}

async function startVpn(
  parts: RestartVpnParts,
  target: ControlTarget,
  { wasStopped, assertMay }: { readonly wasStopped: boolean } & Pick<Word, 'assertMay'>,
  signal: AbortSignal,
): Promise<VpnRestart> {
  const { name } = target.node
  using patience = withGrace(signal, parts.clock, GRACE_MS)
  let last: Put | undefined
  let isCertain = wasStopped
  for (const ms of START_PAUSES_MS) {
    if (!(await pause(parts.clock, ms, patience.signal))) break
    const word = { status: 'running', timeoutMs: START_TIMEOUT_MS, assertMay } as const
    last = await put(parts, target, word, patience.signal)
    const judged = judgeStart(name, wasStopped, last)
    if (judged !== undefined) return judged
    if (last.kind === 'outcome' || !last.certain) isCertain = false
  }
  const said = last?.kind === 'outcome' ? `it says "${last.outcome}"` : last?.message
  return {
    kind: 'failed',
    reason: last === undefined || last.kind === 'outcome' ? 'unknown' : last.kind,
    vpn: isCertain ? 'stopped' : 'unknown',
    message: `The VPN of ${name} was told to stop, and could not be started again: ${said ?? 'no time was left'}`,
  }
}

/** Builds the restarter. It keeps nothing between calls; that there are not two at once is the caller's part. */
export function createRestartVpn(parts: RestartVpnParts): RestartVpn {
  return async (target, { isResumed, assertMay }, signal) => {
    if (isResumed) return startVpn(parts, target, { wasStopped: true, assertMay }, signal)
    const stopped = await stopVpn(parts, target, assertMay, signal)
    if (stopped.kind === 'failed') return stopped
    const wasStopped = stopped.kind === 'stopped'
    return startVpn(parts, target, { wasStopped, assertMay: undefined }, signal)
  }
}
