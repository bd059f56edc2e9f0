import { describe, expect, it } from 'vitest'
import { engine, status, vpn } from '../../test/harness/api-fixture.ts'
import { changesBetween } from './changes.ts'
import type { Condition, FleetStatus } from './status.ts'

const condition = (type: Condition['type'], message = ''): Condition => ({
  ...{ type, status: 'True', reason: type, message, since: 0 },
})
const calm = status('home', { conditions: [condition('Ready')] })
const reasons = (before: FleetStatus | undefined, now: FleetStatus) =>
  changesBetween(before, now).map(({ reason }) => reason)
const withVpn = (more: Parameters<typeof vpn>[1]) => ({ ...calm, vpns: [vpn('a', more)] })
const withEngine = (more: Parameters<typeof engine>[1]) => ({
  ...calm,
  engines: [engine('home.0', more)],
})

describe('what changed between two statuses', () => {
  it('is nothing when nothing did', () => {
    expect(changesBetween(calm, calm)).toEqual([])
  })

  it('tells each turn of a VPN, but not that nothing is known at the start', () => {
    const [up, degraded, down, unknown] = (['up', 'degraded', 'down', 'unknown'] as const).map(
      (state) => withVpn({ state }),
    )
    if (!up || !degraded || !down || !unknown) throw new Error('no states')
    expect(reasons(up, down)).toEqual(['VpnDown'])
    expect(reasons(down, up)).toEqual(['VpnUp'])
    expect(reasons(up, degraded)).toEqual(['VpnDegraded'])
    expect(reasons(up, unknown)).toEqual(['VpnUnknown'])
    expect(
      reasons(undefined, {
        ...unknown,
        vpns: [vpn('a', { state: 'unknown', forwardedPort: undefined })],
      }),
    ).not.toContain('VpnUnknown')
  })

  it('tells a port that is granted, changed or lost', () => {
    const port = (forwardedPort: number | undefined) => withVpn({ forwardedPort })
    expect(reasons(port(undefined), port(51_000))).toEqual(['PortGranted'])
    expect(reasons(port(51_000), port(52_000))).toEqual(['PortGranted'])
    expect(reasons(port(51_000), port(undefined))).toEqual(['PortLost'])
  })

  it('tells an engine that falls silent, once, and where to find it', () => {
    const silent = withEngine({ ready: false, note: 'timed out' })
    expect(changesBetween(withEngine({}), silent)).toMatchObject([
      { reason: 'EngineUnready', slot: '0', message: 'home.0 is not ready: timed out' },
    ])
    expect(changesBetween(silent, silent)).toEqual([])
  })

  it('does not tell of one that drains, died or was replaced: that has its own event', () => {
    const before = withEngine({})
    const other = 'f'.repeat(64) as never
    for (const more of [{ phase: 'Draining' as const }, { dead: true }, { containerId: other }])
      expect(reasons(before, withEngine({ ready: false, ...more }))).not.toContain('EngineUnready')
  })

  it('tells when a rollout starts and ends', () => {
    const rolling = withEngine({ updated: false })
    expect(reasons(withEngine({}), rolling)).toEqual(['RolloutStarted'])
    expect(reasons(rolling, rolling)).toEqual([])
    expect(reasons(rolling, withEngine({}))).toEqual(['RolloutFinished'])
    expect(reasons(rolling, { ...calm, engines: [] })).toEqual([])
  })

  it('tells once that a rollout is paused, and why', () => {
    const paused = { ...calm, conditions: [condition('RolloutPaused', 'home.2 exited')] }
    expect(changesBetween(calm, paused)).toMatchObject([
      { reason: 'RolloutPaused', type: 'Warning', message: 'home.2 exited' },
    ])
    expect(changesBetween(paused, paused)).toEqual([])
  })

  it('tells that a fleet has converged, and tells it again only after it was not', () => {
    const busy = { ...calm, conditions: [condition('Ready'), condition('Reconciling')] }
    expect(reasons(busy, calm)).toEqual(['Converged'])
    expect(reasons(calm, busy)).toEqual([])
    expect(reasons(undefined, calm)).toContain('Converged')
  })
})
