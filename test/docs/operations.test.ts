import { describe, expect, it } from 'vitest'
import { makeTraffic } from '../../src/gateway/traffic.ts'
import { makeMetrics } from '../../src/telemetry/metrics.ts'
import { status, vpn } from '../harness/api-fixture.ts'
import { relayedSource } from '../harness/sources.ts'
import { code, read, rows, section } from './markdown.ts'

const page = read('docs/operations.md')

/** The members of a union of texts, as its source lists them. */
function members(file: string, type: string): string[] {
  const text = read(file).split(`export type ${type} =`)[1]?.split('\n\n')[0] ?? ''
  return [...text.matchAll(/'(\w+)'/g)].map(([, name = '']) => name)
}

/** What the table below a heading explains, one to a row. */
function explained(heading: string): string[] {
  const untilNextHeading = section(page, heading).split('\n### ')[0] ?? ''
  return rows(untilNextHeading).map(([name]) => code(name))
}

/** A scrape with a series of every metric. */
async function scraped(): Promise<string> {
  const metrics = makeMetrics({ version: '1', ofProcess: false })
  metrics.countEvent({ fleet: 'home', reason: 'Converged' })
  metrics.countCall({ verb: 'create', outcome: 'ok' })
  metrics.countPass({ fleet: 'home', durationMs: 1, failed: false })
  const leader = { holder: 'nas:1', epoch: 1, leaseMs: 1, isSelf: true }
  const { conditions, ...rest } = status('home', { vpns: [vpn('gluetun-a')] })
  const fleets = [{ name: 'home', status: { ...rest, conditions }, leader, conditions }]
  const { streams } = metrics
  const relayed = relayedSource()
  streams.onClaim('home', 'claimed')
  streams.onStartFailed('home')
  streams.onSession('id:1', { kind: 'started', source: relayed, tookMs: 1 })
  const moved = { from: relayed, source: relayed, cause: 'silent', message: '', tookMs: 1 } as const
  streams.onSession('id:1', { kind: 'moved', ...moved })
  const viewer = { content: 'id:1', isGateway: false, firstByteMs: 1, skippedBytes: 0 }
  streams.onViewer({ ...viewer, end: 'left', refusal: undefined })
  streams.onViewer({ ...viewer, end: 'refused', refusal: 'capacity' })
  const gateway = { streams: { own: 1, relayed: 1 }, viewers: 1, traffic: makeTraffic().read() }
  const standing = {
    gateway,
    mode: 'redis',
    ready: true,
    storeUp: true,
    storeAgeMs: 0,
    replicas: 1,
  }
  return (await metrics.print({ ...standing, fleets })).text
}

describe('docs/operations.md', () => {
  it('explains every condition, and none that there is not', () => {
    const conditions = members('src/telemetry/status.ts', 'ConditionType')
    expect(conditions).toContain('Ready')
    expect(explained('## Conditions').sort()).toEqual(conditions.sort())
  })

  it('explains every event, and none that there is not', () => {
    const reasons = members('src/telemetry/event.ts', 'EventReason')
    expect(reasons).toContain('EngineExited')
    expect(explained('## Events').sort()).toEqual(reasons.sort())
  })

  it('explains every metric with its labels, and none that there is not', async () => {
    const told = rows(section(page, '## Metrics')).map(([name, labels = '']) => ({
      name: code(name),
      labels: labels.split(',').flatMap((label) => label.trim() || []),
    }))
    const source = ['gauges', 'metrics', 'stream-metrics']
      .map((file) => read(`src/telemetry/${file}.ts`))
      .join('')
    const names = new Set(source.match(/(?<=')acefleet_\w+(?=')/g))
    expect(told.map(({ name }) => name).sort()).toEqual([...names].sort())
    for (const { name, labels } of told) {
      const text = await scraped()
      const series = text.match(new RegExp(`^${name}(?:_count)?(?:\\{(.*)\\})? `, 'm'))
      const found = [...(series?.[1] ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label)
      expect([name, found]).toEqual([name, labels])
    }
  })

  it('explains every reason for which a VPN node is not up', () => {
    const judge = read('src/vpn/judge.ts')
    const reasons = new Set(
      judge.match(/(?<=')(Container|Vpn|Control|No|Public|Status|Unh)\w+(?=')/g),
    )
    const up = ['VpnRunning', 'PublicIpUnknown']
    const table = section(page, '### Why a VPN node is not up')
    for (const reason of [...reasons].filter((each) => !up.includes(each)))
      expect(table).toContain(`\`${reason}\``)
  })
})
