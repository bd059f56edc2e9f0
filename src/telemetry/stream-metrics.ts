import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { GatewayStanding } from '../gateway/gateway.ts'
import type { GatewayNews } from '../gateway/news.ts'

/** Engines buffer for tens of seconds before their first byte. */
const START_BUCKETS_S = [0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60]
/** From a stream that plays already to one that has to be begun. */
const FIRST_BYTE_BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60]

/** What is counted of streams as it happens. Contents are no labels: there is no end of them. */
export function makeStreamCounts(registers: Registry[]): GatewayNews {
  const claims = new Counter({
    name: 'acefleet_stream_claims_total',
    help: 'Claims of an engine by this gateway, by what came of them.',
    labelNames: ['fleet', 'outcome'] as const,
    registers,
  })
  const failures = new Counter({
    name: 'acefleet_stream_start_failures_total',
    help: 'Engines that this gateway claimed and that gave no bytes.',
    labelNames: ['fleet'] as const,
    registers,
  })
  const starts = new Histogram({
    name: 'acefleet_stream_start_seconds',
    help: 'From the first request for a stream to its first byte at this gateway, from an engine or another gateway.',
    labelNames: ['source'] as const,
    buckets: START_BUCKETS_S,
    registers,
  })
  const moves = new Counter({
    name: 'acefleet_stream_moves_total',
    help: 'Streams that went on from another source, by why the old one was left.',
    labelNames: ['cause'] as const,
    registers,
  })
  const firstBytes = new Histogram({
    name: 'acefleet_viewer_first_byte_seconds',
    help: "From a viewer's request to its first byte.",
    buckets: FIRST_BYTE_BUCKETS_S,
    registers,
  })
  const ends = new Counter({
    name: 'acefleet_viewer_ends_total',
    help: 'Viewers that are gone, by how it ended. lagged and stalled: cut by this gateway.',
    labelNames: ['end'] as const,
    registers,
  })
  const refusals = new Counter({
    name: 'acefleet_viewer_refusals_total',
    help: 'Viewers that got nothing, by why.',
    labelNames: ['reason'] as const,
    registers,
  })
  return {
    onClaim: (fleet, outcome) => claims.inc({ fleet, outcome }),
    onStartFailed: (fleet) => failures.inc({ fleet }),
    onSession(_, news) {
      if (news.kind === 'started') {
        const source = news.source.endpoint === undefined ? 'gateway' : 'engine'
        starts.observe({ source }, news.tookMs / 1_000)
      } else if (news.kind === 'moved') moves.inc({ cause: news.cause })
    },
    onViewer({ isGateway, end, refusal, firstByteMs }) {
      if (isGateway) return
      if (firstByteMs !== undefined) firstBytes.observe(firstByteMs / 1_000)
      if (refusal === undefined) ends.inc({ end })
      else refusals.inc({ reason: refusal })
    },
  }
}

/** Adds how a gateway stands at a scrape. */
export function addStreamGauges(
  registry: Registry,
  { streams, viewers, traffic }: GatewayStanding,
): void {
  const registers = [registry]
  const playing = new Gauge({
    name: 'acefleet_streams',
    help: 'Streams of this gateway, by where they come from. Summed over all gateways, those from engines are all there are.',
    labelNames: ['source'] as const,
    registers,
  })
  playing.set({ source: 'engine' }, streams.own)
  playing.set({ source: 'gateway' }, streams.relayed)
  const watching = new Gauge({
    name: 'acefleet_viewers',
    help: 'Viewers of this gateway. One that relays from here is one.',
    registers,
  })
  watching.set(viewers)
  const bytes = new Counter({
    name: 'acefleet_stream_bytes_total',
    help: 'Bytes of streams that this gateway read and wrote, by the way they went.',
    labelNames: ['way'] as const,
    registers,
  })
  bytes.inc({ way: 'from_engines' }, traffic.fromEngines)
  bytes.inc({ way: 'from_gateways' }, traffic.fromGateways)
  bytes.inc({ way: 'to_viewers' }, traffic.toViewers)
  bytes.inc({ way: 'to_gateways' }, traffic.toGateways)
  const skipped = new Counter({
    name: 'acefleet_stream_skipped_bytes_total',
    help: 'Bytes that were left out for viewers who were too slow.',
    registers,
  })
  skipped.inc(traffic.skipped)
}
