import { assertNever } from '../assert-never.ts'
import type { EventReason, NewFleetEvent } from '../telemetry/event.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import type { StreamRefused } from './refusal.ts'
import type { SessionNews } from './session-news.ts'
import type { Source } from './source.ts'

export interface StreamEventsParts {
  readonly record: (event: NewFleetEvent) => void
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly log: Logger
}

/** Streams that are refused are told of once in so long for each reason, however many viewers ask, ms. */
const REFUSALS_MS = 60_000

/** What was refused of one fleet for one reason. Monotonic ms. */
interface Refusals {
  toldAt: number
  /** Since then, and not told of. */
  untold: number
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`

function nameOf({ name, endpoint, fleet }: Source): string {
  return endpoint === undefined ? name : `${fleet}.${endpoint.slot}`
}

/**
 * Makes of what becomes of sessions the fleet's events. A gateway that relays tells nothing: the owner does.
 * `content` is what the session was asked for.
 */
export function makeStreamEvents({ record, clock, log }: StreamEventsParts) {
  const refusals = new Map<string, Refusals>()

  function tell(
    source: Source,
    type: NewFleetEvent['type'],
    reason: EventReason,
    message: string,
  ): void {
    const { fleet, endpoint } = source
    if (fleet === undefined || endpoint === undefined) {
      log.debug({ reason }, message)
      return
    }
    const { slot, vpn, containerId } = endpoint
    record({ at: clock.now(), fleet, type, reason, message, slot, vpn, containerId })
  }

  function refused(content: string, { fleet, reason, message }: StreamRefused): void {
    if (fleet === undefined) {
      log.debug({ content, reason }, message)
      return
    }
    const key = `${fleet} ${reason}`
    const now = clock.monotonic()
    const before = refusals.get(key) ?? { toldAt: -Infinity, untold: 0 }
    if (now - before.toldAt < REFUSALS_MS) {
      before.untold += 1
      return
    }
    const more = before.untold === 0 ? '' : `; ${before.untold} more since the last time`
    refusals.set(key, { toldAt: now, untold: 0 })
    const at = clock.now()
    const text = `${content} is not played (${reason}): ${message}${more}`
    record({ at, fleet, type: 'Warning', reason: 'StreamRefused', message: text })
  }

  function ended(
    content: string,
    { source, failure, message }: Extract<SessionNews, { kind: 'ended' }>,
  ): void {
    if (source !== undefined) {
      const type = failure === undefined ? 'Normal' : 'Warning'
      tell(source, type, 'StreamEnded', `${content} on ${nameOf(source)} ended: ${message}`)
    } else if (failure !== undefined) refused(content, failure)
  }

  return (content: string, news: SessionNews): void => {
    switch (news.kind) {
      case 'started': {
        const text = `${content} plays on ${nameOf(news.source)} after ${seconds(news.tookMs)}`
        tell(news.source, 'Normal', 'StreamStarted', text)
        break
      }
      case 'interrupted': {
        const text = `${content} on ${nameOf(news.source)}: ${news.message}`
        tell(news.source, 'Warning', 'StreamInterrupted', text)
        break
      }
      case 'moved': {
        const way = `${nameOf(news.from)} to ${nameOf(news.source)}`
        const gap = news.cause === 'leaving' ? '' : ` after ${seconds(news.tookMs)}`
        const text = `${content} moved from ${way}${gap}: ${news.message}`
        tell(news.source, 'Normal', 'StreamMoved', text)
        break
      }
      case 'ended':
        ended(content, news)
        break
      default:
        assertNever(news)
    }
  }
}
