import { randomBytes } from 'node:crypto'
import type { NewFleetEvent } from '../telemetry/event.ts'
import { type Gateway, type GatewayParts, makeGateway } from './gateway.ts'
import type { GatewayNews } from './news.ts'
import { makeStreamEvents } from './stream-events.ts'

export interface OpenGatewayParts extends Omit<GatewayParts, 'relayKey' | 'fleets' | 'news'> {
  readonly record: (event: NewFleetEvent) => void
  /** Counts what happens. */
  readonly counts: GatewayNews
}

/** The gateway of one process: told of in the log, in events and in metrics. Its fleets are those that the store knows. */
export function openGateway(parts: OpenGatewayParts): Gateway {
  const { store, clock, log, record, counts } = parts
  const tellEvents = makeStreamEvents({ record, clock, log })
  return makeGateway({
    ...parts,
    relayKey: () => store.relayKey(randomBytes(32).toString('hex')),
    fleets: async () => (await store.statuses()).map(({ fleet }) => fleet),
    news: {
      ...counts,
      onSession(content, news) {
        counts.onSession(content, news)
        tellEvents(content, news)
      },
      onViewer(news) {
        counts.onViewer(news)
        log.debug(news, 'viewer gone')
      },
    },
  })
}
