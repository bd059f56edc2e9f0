import type { Store } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import type { FleetEvent } from './event.ts'

/** How often to look for events that other processes stored, ms. Our own come at once. */
const POLL_MS = 1_000
/** Most events read in one go: more than the store keeps of a busy hour. */
const PAGE = 1_000

export interface TailParts {
  readonly store: Pick<Store, 'events'>
  readonly clock: Clock
  /** Calls the listener after every append of this process. */
  readonly onStored: (listener: () => void) => Disposable
}

async function newestSequence(store: TailParts['store']): Promise<number> {
  return (await store.events({ limit: 1 })).at(-1)?.sequence ?? 0
}

/**
 * Yields stored events behind `after`, then each new one, until aborted. Everything is read back from the store, so
 * there is no seam between history and news, and a slow reader costs no memory.
 */
export async function* tailEvents(
  { store, clock, onStored }: TailParts,
  query: { readonly fleet?: string | undefined; readonly after?: number | undefined },
  signal: AbortSignal,
): AsyncGenerator<FleetEvent> {
  let hasNews = false
  let wake = () => {}
  using _subscription = onStored(() => {
    hasNews = true
    wake()
  })
  /** Until something is stored here, or it is time to look for what others stored. */
  const news = async () => {
    if (hasNews) return
    const woken = Promise.withResolvers<void>()
    wake = woken.resolve
    using _timer = clock.timer(POLL_MS, woken.resolve)
    signal.addEventListener('abort', wake, { once: true })
    await woken.promise
    signal.removeEventListener('abort', wake)
  }
  let after = query.after ?? (await newestSequence(store))
  while (!signal.aborted) {
    hasNews = false
    const events = await store.events({ fleet: query.fleet, after, limit: PAGE })
    for (const event of events) {
      if (signal.aborted) return
      yield event
      after = Math.max(after, event.sequence)
    }
    if (!signal.aborted) await news()
  }
}
