import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { GatewayNews } from '../gateway/news.ts'
import type { DockerCall } from './docker-meter.ts'
import type { NewFleetEvent } from './event.ts'
import { addGauges, type Measures } from './gauges.ts'
import { addStreamGauges, makeStreamCounts } from './stream-metrics.ts'

/** From a pass that finds nothing to do on a small fleet to one that is given up after 60 s. */
const PASS_BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
/** How finely the event loop's delay is measured, ms: prom-client's 10 ms would wake an idle process 100 times a second. */
const LOOP_DELAY_MS = 100

export interface MetricsOptions {
  readonly version: string
  /** Adds those of the process (`process_…`, `nodejs_…`). They set timers of their own, for as long as it lives. */
  readonly ofProcess: boolean
}

/** One look at a fleet, and what came of it. */
export interface Pass {
  readonly fleet: string
  readonly durationMs: number
  readonly failed: boolean
}

/** What Prometheus is told: what is counted here as it happens, and what stands when it asks. */
export interface Metrics {
  readonly countEvent: (event: Pick<NewFleetEvent, 'fleet' | 'reason'>) => void
  readonly countCall: (call: DockerCall) => void
  readonly countPass: (pass: Pass) => void
  /** Counts what happens at the gateway. */
  readonly streams: GatewayNews
  /** The text that a scrape gets, and its type. */
  print(measures: Measures): Promise<{ readonly text: string; readonly contentType: string }>
}

/** Labels are fleets and words of fixed lists, so that there are no more series than the specs account for. */
export function makeMetrics({ version, ofProcess }: MetricsOptions): Metrics {
  const counted = new Registry()
  const registers = [counted]
  const events = new Counter({
    name: 'acefleet_events_total',
    help: 'Events that this process recorded, by fleet and reason.',
    labelNames: ['fleet', 'reason'] as const,
    registers,
  })
  const calls = new Counter({
    name: 'acefleet_docker_mutations_total',
    help: 'Changes of the Docker daemon that this process tried, by verb and outcome.',
    labelNames: ['verb', 'outcome'] as const,
    registers,
  })
  const passes = new Histogram({
    name: 'acefleet_reconcile_duration_seconds',
    help: 'Passes of this process over a fleet, those of a standby included, by outcome.',
    labelNames: ['fleet', 'outcome'] as const,
    buckets: PASS_BUCKETS_S,
    registers,
  })
  const streams = makeStreamCounts(registers)
  if (ofProcess) {
    collectDefaultMetrics({ register: counted, eventLoopMonitoringPrecision: LOOP_DELAY_MS })
  }

  return {
    countEvent: ({ fleet, reason }) => events.inc({ fleet, reason }),
    countCall: ({ verb, outcome }) => calls.inc({ verb, outcome }),
    countPass: ({ fleet, durationMs, failed }) =>
      passes.observe({ fleet, outcome: failed ? 'failed' : 'ok' }, durationMs / 1_000),
    streams,
    async print(measures) {
      // Anew for every scrape: what is gone leaves no series behind, and scrapes cannot mix.
      const standing = new Registry()
      addGauges(standing, version, measures)
      if (measures.gateway !== undefined) addStreamGauges(standing, measures.gateway)
      const text = await Registry.merge([standing, counted]).metrics()
      return { text, contentType: standing.contentType }
    },
  }
}
