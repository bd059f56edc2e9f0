import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import { type Link, openLink } from './link.ts'
import { RedisUnavailable } from './port.ts'
import { addressOf, type RedisAddress } from './url.ts'

export interface ConnectionOptions {
  readonly address: RedisAddress
  readonly clock: Clock
  readonly commandTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly log?: Pick<Logger, 'info' | 'warn'> | undefined
  /** In [0, 1): spreads attempts to reconnect. */
  readonly random?: (() => number) | undefined
}

/** A link to a server as it serves us now. */
export interface Present {
  readonly link: Link
  /**
   * Monotonic ms since when this server process may be the one that answers here, if another one did before: what that
   * one was told last may be unknown to it. Undefined for the first one and while it is the same.
   */
  readonly inPlaceSince: number | undefined
}

/** A way to one server, or to whoever is master: always one link, or an attempt to get one. */
export interface Connection extends AsyncDisposable {
  readonly address: string
  /** @throws {RedisUnavailable} while there is no link. */
  present(): Present
  /** Resolves when there is a link. Rejects with the signal's reason, or {@link RedisUnavailable} once disposed. */
  connected(signal?: AbortSignal): Promise<void>
  /** An error that names this server. */
  unavailable(what: string): RedisUnavailable
}

/** The first wait after a failure and the longest, ms: a restarted server is found within a second, and nothing spins. */
const RETRY_MS = 50
const MAX_RETRY_MS = 1_000
/** A link that ends sooner counts as a failure, ms: who accepts and hangs up is not asked ever faster. */
const STEADY_MS = 5_000
/** How often the server's clock, role and policy are looked at again, ms. Also finds dead connections. */
const CHECK_MS = 10_000
/** So many command timeouts of silence make a connection dead: one late answer does not. */
const SILENT_TIMEOUTS = 1.5

/** Keeps a link as long as it is not disposed. */
export function openConnection(options: ConnectionOptions): Connection {
  const { clock, log, commandTimeoutMs, connectTimeoutMs, random = Math.random } = options
  const address = addressOf(options.address)
  const closing = new AbortController()
  let present: Present | undefined
  let trouble = 'the first connection is on its way'
  let arrival = newArrival()

  const unavailable = (what: string) => new RedisUnavailable(`Redis at ${address}: ${what}`)

  async function keep(): Promise<void> {
    let last: Present | undefined
    let failures = 0
    let isDownTold = false
    while (!closing.signal.aborted) {
      try {
        const link = await openLink({
          address: options.address,
          clock,
          commandTimeoutMs,
          connectTimeoutMs,
          silenceMs: Math.max(connectTimeoutMs, commandTimeoutMs * SILENT_TIMEOUTS),
          attempt: failures,
          skewMs: last?.link.server.skewMs ?? 0,
          signal: closing.signal,
        })
        const openedAt = clock.monotonic()
        last = { link, inPlaceSince: inPlaceSince(openedAt, link, last) }
        if (isDownTold) log?.info({ redis: address }, 'Redis answers again')
        isDownTold = false
        present = last
        arrival.resolve()
        trouble = await untilOver(link, clock, closing.signal)
        if (clock.monotonic() - openedAt >= STEADY_MS) failures = 0
        arrival = newArrival()
        present = undefined
      } catch (error) {
        trouble = error instanceof Error ? error.message : String(error)
      }
      if (closing.signal.aborted) break
      if (!isDownTold) log?.warn({ redis: address, reason: trouble }, 'Redis does not answer')
      isDownTold = true
      await clock.sleep(retryDelayMs(failures++, random), closing.signal).catch(() => {})
    }
    trouble = 'it was closed'
    arrival.reject(unavailable(trouble))
  }
  const keeping = keep()

  return {
    address,
    present() {
      if (present === undefined) throw unavailable(`not connected: ${trouble}`)
      return present
    },
    async connected(signal) {
      if (present !== undefined) return
      await unlessAborted(arrival.promise, signal)
    },
    unavailable,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await keeping
    },
  }
}

/** ms to wait after so many failures in a row. */
function retryDelayMs(failures: number, random: () => number): number {
  const delay = Math.min(RETRY_MS * 2 ** failures, MAX_RETRY_MS)
  return delay * (1 + 0.2 * random())
}

function newArrival(): PromiseWithResolvers<void> {
  const arrival = Promise.withResolvers<void>()
  // Nobody may be waiting.
  arrival.promise.catch(() => {})
  return arrival
}

function inPlaceSince(nowMs: number, link: Link, last: Present | undefined): number | undefined {
  if (last === undefined) return undefined
  if (last.link.server.runId === link.server.runId) return last.inPlaceSince
  const startedAt = nowMs - link.server.uptimeMs
  // One that ran already while the other one still answered was a replica, or is another server behind the same name:
  // when it took over is not known, only that we did not see it before.
  return startedAt > last.link.heardAt ? startedAt : nowMs
}

async function untilOver(link: Link, clock: Clock, signal: AbortSignal): Promise<string> {
  let timer: Disposable | undefined
  const checkLater = () => {
    timer = clock.timer(CHECK_MS, () => {
      // A check that fails proves nothing; silence ends the link by itself.
      link
        .check()
        .catch(() => {})
        .finally(() => timer !== undefined && checkLater())
    })
  }
  const onAbort = () => link.close('it was closed')
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  checkLater()
  const reason = await link.over
  signal.removeEventListener('abort', onAbort)
  timer?.[Symbol.dispose]()
  timer = undefined
  return reason
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
