import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ApiFixture, makeApiFixture, status, vpn } from '../../test/harness/api-fixture.ts'
import { StoreUnavailable } from '../store/errors.ts'

let fixture: ApiFixture

beforeEach(async () => {
  fixture = await makeApiFixture()
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

function loseStore(why: string) {
  const fail = () => Promise.reject(new StoreUnavailable(why))
  fixture.store.statuses = fail
  fixture.store.acceptedSpecs = fail
}

const leader = { holder: 'nas:1', epoch: 7, leaseMs: 4_100, isSelf: true }

describe('health', () => {
  it('is alive whatever the loops say', async () => {
    fixture.control.readiness = () => ({ ready: false, reasons: ['docker: no answer'] })
    loseStore('disk full')
    expect(await fixture.get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
  })

  it('is ready only when the loops and the store are, and says why not', async () => {
    expect(await fixture.get('/readyz')).toMatchObject({
      status: 200,
      body: { ready: true, reasons: [], mode: 'embedded', fleets: [], replicas: [] },
    })
    fixture.control.readiness = () => ({ ready: false, reasons: ['docker: no answer'] })
    loseStore('disk full')
    const { status: code, body } = await fixture.get('/readyz')
    expect(code).toBe(503)
    expect(body).toMatchObject({
      ready: false,
      reasons: ['docker: no answer', 'store: disk full'],
    })
  })

  it('says once why the store is away where the loops have found out too', async () => {
    fixture.control.readiness = () => ({ ready: false, reasons: ['Redis is away'] })
    loseStore('Redis is away')
    expect((await fixture.get('/readyz')).body.reasons).toEqual(['Redis is away'])
  })

  it('is ready as a standby, and tells who leads and which replicas live', async () => {
    await fixture.publishDemo()
    await fixture.publish(status('other'))
    fixture.control.mode = 'redis'
    fixture.control.leadership = (fleet) =>
      fleet === 'demo' ? { ...leader, isSelf: false } : undefined
    fixture.control.replicas = () => [
      { holder: 'nas:1', startedAt: 1, leads: ['demo'], declares: {}, agoMs: 400 },
      { holder: 'nas:2', startedAt: 2, leads: [], declares: {}, agoMs: 0 },
    ]
    expect(await fixture.get('/readyz')).toMatchObject({
      status: 200,
      body: {
        ready: true,
        reasons: [],
        mode: 'redis',
        fleets: [
          { fleet: 'demo', leader: 'nas:1', epoch: 7, leaseMs: 4_100, isSelf: false },
          { fleet: 'other', leader: null, epoch: null, leaseMs: null, isSelf: false },
        ],
        replicas: [
          { holder: 'nas:1', leads: ['demo'], agoMs: 400 },
          { holder: 'nas:2', leads: [], agoMs: 0 },
        ],
      },
    })
  })

  it('tells who leads also while the store is away, of fleets that are known otherwise', async () => {
    loseStore('away')
    const declares = { demo: { hash: 'h', source: 'specs/demo.yaml:1' } }
    fixture.control.replicas = () => [
      { holder: 'nas:1', startedAt: 1, leads: [], declares, agoMs: 0 },
    ]
    fixture.control.leadership = () => leader
    const { status: code, body } = await fixture.get('/readyz')
    expect(code).toBe(503)
    expect(body.fleets).toMatchObject([{ fleet: 'demo', leader: 'nas:1', isSelf: true }])
  })
})

describe('metrics', () => {
  async function scrape(): Promise<readonly string[]> {
    const response = await fixture.app.request('/metrics')
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    return (await response.text()).split('\n').filter((line) => /^[^#]/.test(line))
  }

  it('tell who leads, how long the lease lasts, and how the fleet stands', async () => {
    await fixture.publishDemo()
    fixture.control.leadership = () => leader
    fixture.control.replicas = () => [
      { holder: 'nas:1', startedAt: 1, leads: ['demo'], declares: {}, agoMs: 0 },
    ]
    expect(await scrape()).toEqual(
      expect.arrayContaining([
        'acefleet_build_info{version="1.2.3",mode="embedded"} 1',
        'acefleet_ready 1',
        'acefleet_store_up 1',
        'acefleet_replicas 1',
        'acefleet_fleet_leader{fleet="demo",holder="nas:1"} 1',
        'acefleet_lease_held{fleet="demo"} 1',
        'acefleet_lease_remaining_seconds{fleet="demo"} 4.1',
        'acefleet_epoch{fleet="demo"} 7',
        'acefleet_spec_mismatch{fleet="demo"} 0',
        'acefleet_fleet_condition{fleet="demo",condition="Ready"} 1',
        'acefleet_engines_wanted{fleet="demo"} 2',
        'acefleet_engines{fleet="demo",phase="Running"} 2',
        'acefleet_engines{fleet="demo",phase="Pending"} 1',
        'acefleet_engines{fleet="demo",phase="Exited"} 0',
        'acefleet_engines_ready{fleet="demo"} 2',
        'acefleet_engines_forwarded{fleet="demo"} 0',
        'acefleet_vpn_state{fleet="demo",vpn="gluetun-a",state="up"} 1',
        'acefleet_vpn_state{fleet="demo",vpn="gluetun-a",state="down"} 0',
        'acefleet_vpn_cordoned{fleet="demo",vpn="gluetun-b"} 1',
      ]),
    )
  })

  it('count nobody as the leader when nobody leads, and no lease that never lapses', async () => {
    await fixture.publishDemo()
    const leaderless = await scrape()
    expect(leaderless.filter((line) => line.startsWith('acefleet_fleet_leader'))).toEqual([])
    expect(leaderless).toContain('acefleet_lease_held{fleet="demo"} 0')
    expect(leaderless).toContain('acefleet_lease_remaining_seconds{fleet="demo"} 0')
    expect(leaderless).toContain('acefleet_epoch{fleet="demo"} 1')
    fixture.control.leadership = () => ({ ...leader, leaseMs: null })
    expect((await scrape()).join()).not.toContain('acefleet_lease_remaining_seconds')
  })

  it('forget a fleet and a node that are gone, and know of a mismatch', async () => {
    const condition = { type: 'SpecMismatch', status: 'True', reason: 'FilesDiffer' } as const
    const conditions = [{ ...condition, message: 'copies differ', since: 1 }]
    await fixture.publish(status('demo', { conditions, vpns: [vpn('gluetun-a'), vpn('gone')] }))
    const before = await scrape()
    expect(before).toContain('acefleet_spec_mismatch{fleet="demo"} 1')
    expect(before.join()).toContain('vpn="gone"')
    await fixture.publish(status('demo', { vpns: [vpn('gluetun-a')] }))
    expect((await scrape()).join()).not.toContain('vpn="gone"')
  })

  it('go on while the store is away, and say how old they are', async () => {
    await fixture.publishDemo()
    await scrape()
    loseStore('away')
    await fixture.clock.advance(4_000)
    const lines = await scrape()
    expect(lines).toEqual(
      expect.arrayContaining([
        'acefleet_store_up 0',
        'acefleet_store_age_seconds 4',
        'acefleet_ready 0',
        'acefleet_engines_wanted{fleet="demo"} 2',
        'acefleet_fleet_condition{fleet="demo",condition="StoreUnavailable"} 1',
      ]),
    )
  })

  it('say nothing of fleets where the store never answered', async () => {
    loseStore('away')
    const lines = await scrape()
    expect(lines).toContain('acefleet_store_up 0')
    expect(lines.join()).not.toContain('acefleet_store_age_seconds')
  })
})
