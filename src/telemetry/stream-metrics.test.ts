import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { relayedSource, source } from '../../test/harness/sources.ts'
import { makeTraffic } from '../gateway/traffic.ts'
import { addStreamGauges, makeStreamCounts } from './stream-metrics.ts'

const VIEWER = { content: 'id:1', isGateway: false, refusal: undefined, skippedBytes: 0 }

async function counted(tell: (counts: ReturnType<typeof makeStreamCounts>) => void) {
  const registry = new Registry()
  tell(makeStreamCounts([registry]))
  return (await registry.metrics()).split('\n')
}

describe('metrics of streams', () => {
  it('count claims by outcome, engines that failed, and why streams moved', async () => {
    const moved = { from: source(), source: source(), message: '', tookMs: 1 }
    const lines = await counted((counts) => {
      for (const outcome of ['claimed', 'claimed', 'playing', 'capacity'] as const)
        counts.onClaim('home', outcome)
      counts.onStartFailed('home')
      for (const cause of ['silent', 'leaving', 'silent'] as const)
        counts.onSession('id:1', { kind: 'moved', ...moved, cause })
    })
    expect(lines).toEqual(
      expect.arrayContaining([
        'acefleet_stream_claims_total{fleet="home",outcome="claimed"} 2',
        'acefleet_stream_claims_total{fleet="home",outcome="playing"} 1',
        'acefleet_stream_claims_total{fleet="home",outcome="capacity"} 1',
        'acefleet_stream_start_failures_total{fleet="home"} 1',
        'acefleet_stream_moves_total{cause="silent"} 2',
        'acefleet_stream_moves_total{cause="leaving"} 1',
      ]),
    )
  })

  it('tell starts from engines and from gateways apart, in seconds', async () => {
    const lines = await counted((counts) => {
      counts.onSession('id:1', { kind: 'started', source: source(), tookMs: 4_000 })
      counts.onSession('id:1', { kind: 'started', source: relayedSource(), tookMs: 20 })
    })
    expect(lines).toContain('acefleet_stream_start_seconds_sum{source="engine"} 4')
    expect(lines).toContain('acefleet_stream_start_seconds_bucket{le="0.25",source="gateway"} 1')
  })

  it('count a viewer once, by its end or by why it was refused, and no gateway among them', async () => {
    const lines = await counted(({ onViewer }) => {
      onViewer({ ...VIEWER, end: 'left', firstByteMs: 80 })
      onViewer({ ...VIEWER, end: 'lagged', firstByteMs: 80 })
      onViewer({ ...VIEWER, end: 'left', firstByteMs: undefined })
      onViewer({ ...VIEWER, end: 'refused', refusal: 'capacity', firstByteMs: undefined })
      onViewer({ ...VIEWER, isGateway: true, end: 'ended', firstByteMs: 1 })
    })
    const viewers = lines.filter((line) => /^acefleet_viewer_(ends|refusals|.*count)/.test(line))
    expect(viewers.sort()).toEqual([
      'acefleet_viewer_ends_total{end="lagged"} 1',
      'acefleet_viewer_ends_total{end="left"} 2',
      'acefleet_viewer_first_byte_seconds_count 2',
      'acefleet_viewer_refusals_total{reason="capacity"} 1',
    ])
  })

  it('tell how a gateway stands, and what went through it since it began', async () => {
    const traffic = makeTraffic()
    traffic.count('fromEngines', 100)
    for (const _ of [1, 2, 3]) traffic.count('toViewers', 100)
    traffic.count('skipped', 7)
    const registry = new Registry()
    const streams = { own: 2, relayed: 1 }
    addStreamGauges(registry, { streams, viewers: 3, traffic: traffic.read() })
    const lines = (await registry.metrics()).split('\n').filter((line) => /^[^#]/.test(line))
    expect(lines).toEqual([
      'acefleet_streams{source="engine"} 2',
      'acefleet_streams{source="gateway"} 1',
      'acefleet_viewers 3',
      'acefleet_stream_bytes_total{way="from_engines"} 100',
      'acefleet_stream_bytes_total{way="from_gateways"} 0',
      'acefleet_stream_bytes_total{way="to_viewers"} 300',
      'acefleet_stream_bytes_total{way="to_gateways"} 0',
      'acefleet_stream_skipped_bytes_total 7',
    ])
  })
})
