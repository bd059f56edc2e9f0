import { StoreUnavailable } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import type { FleetEvent, NewFleetEvent } from './event.ts'
import type { Logger } from './log.ts'
import { tailEvents } from './tail.ts'

/** Events written to the store in one call: a rollout of a large fleet in a few transactions. */
const BATCH = 100
/** Events kept while the store is away: minutes of a busy fleet, about 1 MB. Then the oldest go. */
const MAX_QUEUED = 2_000
/** First and longest wait between attempts on a store that is away, ms. */
const RETRY_MS = { first: 250, most: 10_000 }
/** How long the process's end waits for a store that is away, ms. */
const FLUSH_MS = 2_000

export interface RecorderParts {
  readonly store: Pick<Store, 'appendEvents' | 'events'>
  readonly log: Logger
  readonly clock: Clock
  /** Told of each event as it is recorded, stored or not. */
  readonly onRecord?: ((event: NewFleetEvent) => void) | undefined
}

export interface SubscribeQuery {
  readonly fleet?: string | undefined
  /** Start behind this sequence number; undefined: only what is recorded from now on. */
  readonly after?: number | undefined
}

/** Where events go: into the log at once, into the store soon, and from there to live subscribers. */
export interface Recorder extends AsyncDisposable {
  /** Never throws and never waits: a store that is away costs the loop nothing. */
  record(event: NewFleetEvent): void
  /** Stored events as they are recorded, by any process, in order of sequence; ends when aborted. */
  subscribe(query: SubscribeQuery, signal: AbortSignal): AsyncIterable<FleetEvent>
  /** Resolves when all recorded so far is stored, or given up; rejects when aborted. */
  flush(signal?: AbortSignal): Promise<void>
}

function logEvent(log: Logger, event: NewFleetEvent): void {
  const { fleet, slot, vpn, epoch, reconcileId, reason } = event
  const containerId = event.containerId?.slice(0, 12)
  const fields = { fleet, slot, vpn, epoch, reconcileId, reason, containerId }
  if (event.type === 'Warning') log.warn(fields, event.message)
  else log.info(fields, event.message)
}

/** Makes the recorder. Disposing it stores what is left, waiting at most two seconds for the store. */
export function makeRecorder({ store, log, clock, onRecord }: RecorderParts): Recorder {
  const queue: NewFleetEvent[] = []
  /** Out of the queue, not yet known to be stored. Owned by `pump`. */
  let inFlight: NewFleetEvent[] = []
  let lastError: unknown
  let dropped = 0
  let isPumping = false
  let idle = Promise.withResolvers<void>()
  idle.resolve()
  const closing = new AbortController()
  const listeners = new Set<() => void>()

  /** Whether the batch is done with: stored, or so bad that no store will ever take it. */
  async function appendBatch(): Promise<boolean> {
    try {
      await store.appendEvents(inFlight)
      return true
    } catch (error) {
      lastError = error
      if (error instanceof StoreUnavailable) return false
      // Not the store's weather but the batch itself: find the bad event by trying them one at a time.
      if (inFlight.length > 1) {
        queue.unshift(...inFlight.splice(1))
        return false
      }
      log.error({ err: error, reason: inFlight[0]?.reason }, 'event refused by the store, dropped')
      return true
    }
  }

  async function pump(): Promise<void> {
    let failures = 0
    while (inFlight.length > 0 || queue.length > 0) {
      if (inFlight.length === 0) inFlight = queue.splice(0, failures > 0 ? 1 : BATCH)
      if (await appendBatch()) {
        if (failures > 0) log.info({ dropped }, 'events are being stored again')
        inFlight = []
        failures = 0
        dropped = 0
        for (const listener of listeners) listener()
        continue
      }
      failures += 1
      if (failures === 1) log.warn({ err: lastError }, 'events are not being stored, retrying')
      const waitMs = Math.min(RETRY_MS.first * 2 ** (failures - 1), RETRY_MS.most)
      await clock.sleep(waitMs, closing.signal)
    }
  }

  function startPump(): void {
    if (isPumping) return
    isPumping = true
    idle = Promise.withResolvers<void>()
    pump()
      .catch((error: unknown) => {
        if (!closing.signal.aborted) log.error({ err: error }, 'event writer failed')
      })
      .finally(() => {
        isPumping = false
        idle.resolve()
      })
  }

  function record(event: NewFleetEvent): void {
    logEvent(log, event)
    onRecord?.(event)
    if (closing.signal.aborted) return
    queue.push(event)
    if (queue.length > MAX_QUEUED) {
      queue.shift()
      dropped += 1
      if (dropped === 1) log.warn({ kept: MAX_QUEUED }, 'event queue is full, dropping the oldest')
    }
    startPump()
  }

  async function flush(signal?: AbortSignal): Promise<void> {
    if (signal === undefined) return idle.promise
    const aborted = Promise.withResolvers<never>()
    const onAbort = () => aborted.reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([idle.promise, aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async function dispose(): Promise<void> {
    using _timer = clock.timer(FLUSH_MS, () => closing.abort())
    // A store that hangs in the middle of an append holds up nothing either.
    await flush(closing.signal).catch(() => {})
    const left = queue.length + inFlight.length
    if (left > 0) log.warn({ left }, 'events not stored at exit: the store is away')
    closing.abort()
  }

  function onStored(listener: () => void): Disposable {
    listeners.add(listener)
    return { [Symbol.dispose]: () => listeners.delete(listener) }
  }

  return {
    record,
    subscribe: (query, signal) => tailEvents({ store, clock, onStored }, query, signal),
    flush,
    [Symbol.asyncDispose]: dispose,
  }
}
