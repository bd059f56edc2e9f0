import type { DockerEvent } from '../../src/docker/port.ts'
import type { Clock } from '../../src/time/clock.ts'
import type { SimProcess } from './sim-process.ts'

/** What befalls one event on its way to one subscriber. */
export type EventFate = 'drop' | 'duplicate' | { readonly delayMs: number } | undefined

type Deliver = SimProcess['deliver']

interface Subscription {
  readonly deliver: Deliver
  readonly queue: DockerEvent[]
  isOpen: boolean
  wake: () => void
}

/** ms from an event to its subscribers: measured at about 3. */
const TRAVEL_MS = 3

/** The daemon's event stream, with every subscriber's own losses. */
export class EventFeed {
  readonly #clock: Clock
  readonly #subscriptions = new Set<Subscription>()
  /** Settable; asked once per event and subscriber. */
  fate: (event: DockerEvent) => EventFate = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  publish(event: DockerEvent): void {
    for (const subscription of this.#subscriptions) {
      const fate = this.fate(event)
      if (fate === 'drop') continue
      const delayMs = typeof fate === 'object' ? fate.delayMs : TRAVEL_MS
      this.#send(subscription, event, delayMs)
      if (fate === 'duplicate') this.#send(subscription, event, delayMs)
    }
  }

  /** Breaks every stream; what was on its way is lost. */
  cut(): void {
    for (const subscription of this.#subscriptions) {
      subscription.isOpen = false
      subscription.deliver(() => subscription.wake())
    }
    this.#subscriptions.clear()
  }

  /** One connection: ends when it is cut or the signal is aborted. */
  async *connect(
    deliver: Deliver,
    signal: AbortSignal,
  ): AsyncGenerator<DockerEvent | 'connected', void, void> {
    const subscription: Subscription = { deliver, queue: [], isOpen: true, wake: () => {} }
    const onAbort = () => subscription.wake()
    this.#subscriptions.add(subscription)
    signal.addEventListener('abort', onAbort)
    try {
      yield 'connected'
      while (!signal.aborted) {
        const event = subscription.queue.shift()
        if (event !== undefined) yield event
        else if (!subscription.isOpen) return
        else await new Promise<void>((resolve) => Object.assign(subscription, { wake: resolve }))
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#subscriptions.delete(subscription)
    }
  }

  #send(subscription: Subscription, event: DockerEvent, delayMs: number): void {
    this.#clock.timer(delayMs, () => {
      if (!subscription.isOpen) return
      subscription.deliver(() => {
        subscription.queue.push(event)
        subscription.wake()
      })
    })
  }
}
