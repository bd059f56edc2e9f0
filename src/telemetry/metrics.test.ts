import { describe, expect, it } from 'vitest'
import type { Measures } from './gauges.ts'
import { makeMetrics } from './metrics.ts'

const measures: Measures = {
  ...{ mode: 'redis', ready: true, storeAgeMs: 0, storeUp: true, replicas: 1, fleets: [] },
  gateway: undefined,
}

async function lines(metrics = makeMetrics({ version: '1', ofProcess: false })) {
  return (await metrics.print(measures)).text.split('\n')
}

describe('metrics', () => {
  it('count events, changes of the daemon and passes', async () => {
    const metrics = makeMetrics({ version: '1', ofProcess: false })
    metrics.countEvent({ fleet: 'home', reason: 'EngineExited' })
    metrics.countEvent({ fleet: 'home', reason: 'EngineExited' })
    metrics.countCall({ verb: 'create', outcome: 'nameTaken' })
    metrics.countPass({ fleet: 'home', durationMs: 40, failed: false })
    metrics.countPass({ fleet: 'home', durationMs: 2_000, failed: true })
    const text = await lines(metrics)
    expect(text).toEqual(
      expect.arrayContaining([
        'acefleet_events_total{fleet="home",reason="EngineExited"} 2',
        'acefleet_docker_mutations_total{verb="create",outcome="nameTaken"} 1',
        'acefleet_reconcile_duration_seconds_bucket{le="0.025",fleet="home",outcome="ok"} 0',
        'acefleet_reconcile_duration_seconds_bucket{le="0.05",fleet="home",outcome="ok"} 1',
        'acefleet_reconcile_duration_seconds_sum{fleet="home",outcome="failed"} 2',
      ]),
    )
  })

  it('share nothing with those of another process in the same Node', async () => {
    const first = makeMetrics({ version: '1', ofProcess: false })
    first.countEvent({ fleet: 'home', reason: 'Converged' })
    expect((await lines()).join()).not.toContain('Converged')
  })

  it('are of the process only where that is asked for', async () => {
    expect((await lines()).join()).not.toContain('process_')
    const text = await lines(makeMetrics({ version: '1', ofProcess: true }))
    expect(text.join('\n')).toMatch(/^process_resident_memory_bytes \d+/m)
  })

  it('follow the conventions: a help for each, base units, counters that end in _total', async () => {
    const metrics = makeMetrics({ version: '1', ofProcess: false })
    const status = {
      ...{ fleet: 'home', generation: 1, specHash: 'h', epoch: 1, leader: 'nas:1', observedAt: 1 },
      ...{ replicas: 1, ready: 1, updated: 1, forwarded: undefined, conditions: [], engines: [] },
      ...{ vpns: [], forwarding: [] },
    }
    const leader = { holder: 'nas:1', epoch: 1, leaseMs: 1, isSelf: true }
    const fleets = [{ name: 'home', status, leader, conditions: [] }]
    const { text } = await metrics.print({ ...measures, fleets })
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => ({
      name,
      type,
    }))
    expect(types.length).toBeGreaterThan(20)
    expect(new Set(types.map(({ name }) => name)).size).toBe(types.length)
    for (const { name, type } of types) {
      expect(name).toMatch(/^acefleet_[a-z_]+$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, 'm'))
    }
  })
})
