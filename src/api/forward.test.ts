import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type ApiFixture,
  engine,
  makeApiFixture,
  status,
  vpn,
} from '../../test/harness/api-fixture.ts'
import type { FleetStatus, ForwardedChoice } from '../telemetry/status.ts'

let fixture: ApiFixture

beforeEach(async () => {
  fixture = await makeApiFixture()
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

const against = (node: string): ForwardedChoice['candidates'][number] => ({
  ...{ node, state: 'up', readySince: 1, portLosses: 0 },
  obstacle: `${node} carries a foreign one`,
})

const heldOn = (node: string): ForwardedChoice => ({
  slot: 'forwarded',
  node,
  rule: 'healthiest',
  held: true,
  candidates: [
    { node, state: 'up', readySince: Date.UTC(2026, 0, 1), portLosses: 1, obstacle: undefined },
    { node: 'b', state: 'up', readySince: undefined, portLosses: 0, obstacle: undefined },
    { node: 'c', state: 'up', readySince: undefined, portLosses: 0, obstacle: 'c is cordoned' },
  ],
})

const demo = (more: Partial<FleetStatus> = {}): FleetStatus =>
  status('demo', {
    engines: [engine('demo.forwarded', { forwarded: true, vpn: 'a' }), engine('demo.0')],
    vpns: [vpn('a'), vpn('b')],
    forwarding: [heldOn('a')],
    ...more,
  })

async function accept(forwarding: object): Promise<void> {
  const accepted = { fleet: 'demo', generation: 1, hash: 'h', source: 'specs/demo.yaml' }
  await fixture.store.acceptSpec({ ...accepted, document: { spec: { forwarding } }, acceptedAt: 1 })
}

describe('a request for the forwarded engine to move', () => {
  it('is taken down, told of, and wakes the loop', async () => {
    await accept({ scope: 'fleet', portGrace: '5m' })
    await fixture.publish(demo())
    const { status: code, body } = await fixture.post('/v1/vpns/b/forward')
    expect([code, body.fleet]).toEqual([202, 'demo'])
    expect(body.message).toContain('is to move to b')
    expect(await fixture.requestsOf('demo')).toEqual([{ kind: 'forward', node: 'b' }])
    expect(fixture.woken).toEqual(['demo'])
    await fixture.recorder.flush()
    expect(await fixture.store.events({})).toMatchObject([{ reason: 'ForwardRequested', vpn: 'b' }])
  })

  it('takes the place of an older one', async () => {
    await fixture.publish(demo({ vpns: [vpn('a'), vpn('b'), vpn('d')] }))
    await fixture.post('/v1/vpns/d/forward')
    await fixture.post('/v1/vpns/b/forward')
    expect(await fixture.requestsOf('demo')).toEqual([{ kind: 'forward', node: 'b' }])
  })

  it('says that the engine is there already, and takes nothing down', async () => {
    await fixture.publish(demo())
    const { status: code, body } = await fixture.post('/v1/vpns/a/forward')
    expect([code, body.message]).toEqual([202, 'the forwarded engine of demo is on a already'])
    expect(await fixture.requestsOf('demo')).toEqual([])
    expect(fixture.woken).toEqual([])
  })

  it('takes an older one back when it names where the engine still is', async () => {
    await fixture.publish(demo())
    await fixture.post('/v1/vpns/b/forward')
    await fixture.post('/v1/vpns/a/forward')
    expect(await fixture.requestsOf('demo')).toEqual([{ kind: 'forward', node: 'a' }])
  })

  it.each<[string, Partial<FleetStatus>, string]>([
    ['is cordoned', { vpns: [vpn('a'), vpn('b', { cordoned: true })] }, 'acefleet uncordon b'],
    ['has no port', { vpns: [vpn('a'), vpn('b', { forwardedPort: undefined })] }, 'with a port: a'],
    [
      'the leader has something else against',
      { forwarding: [{ ...heldOn('a'), candidates: [against('b')] }] },
      'it cannot have the forwarded engine: b carries a foreign one',
    ],
    ['is down', { vpns: [vpn('a'), vpn('b', { state: 'down' })] }, '"b" is down: running'],
    ['is degraded', { vpns: [vpn('a'), vpn('b', { state: 'degraded' })] }, '"b" is degraded'],
    ['cannot be judged', { vpns: [vpn('a'), vpn('b', { state: 'unknown' })] }, '"b" is unknown'],
  ])('is refused for a node that %s', async (_, change, detail) => {
    await fixture.publish(demo(change))
    const { status: code, body } = await fixture.post('/v1/vpns/b/forward')
    expect(code).toBe(409)
    expect(body.detail).toContain(detail)
    expect(await fixture.requestsOf('demo')).toEqual([])
  })

  it.each<[object, string]>([
    [{ scope: 'none' }, 'set "forwarding.scope: fleet" in specs/demo.yaml'],
    [{ scope: 'vpn' }, 'a forwarded engine of its own (forwarding.scope: vpn in specs/demo.yaml)'],
    [{ scope: 'fleet', prefer: 'a' }, 'set "forwarding.prefer: b" there, or take it out'],
  ])('is refused by a spec that says %j, with what to edit', async (forwarding, detail) => {
    await accept(forwarding)
    await fixture.publish(demo())
    const { status: code, body } = await fixture.post('/v1/vpns/b/forward')
    expect(code).toBe(409)
    expect(body.detail).toContain(detail)
    expect(await fixture.requestsOf('demo')).toEqual([])
  })

  it('is refused for a node that is not there, and where it is not said whose it is', async () => {
    await fixture.publish(demo())
    const unknown = await fixture.post('/v1/vpns/nope/forward')
    expect([unknown.status, unknown.body.known]).toEqual([404, ['a', 'b']])
    await fixture.publish(status('other', { vpns: [vpn('b')] }))
    expect(await fixture.post('/v1/vpns/b/forward')).toMatchObject({ status: 409 })
    expect(await fixture.post('/v1/vpns/b/forward?fleet=demo')).toMatchObject({ status: 202 })
  })

  it('is not what uncordon takes back', async () => {
    await fixture.publish(demo())
    await fixture.post('/v1/vpns/b/forward')
    await fixture.post('/v1/vpns/b/cordon')
    await fixture.post('/v1/vpns/b/uncordon')
    expect(await fixture.requestsOf('demo')).toEqual([{ kind: 'forward', node: 'b' }])
  })
})

describe('why a forwarded engine is where it is', () => {
  it('is told with the fleet and with the engine itself', async () => {
    await fixture.publish(demo())
    const told = {
      slot: 'forwarded',
      node: 'a',
      rule: 'healthiest',
      held: true,
      candidates: [
        {
          node: 'a',
          state: 'up',
          readySince: '2026-01-01T00:00:00.000Z',
          portLosses: 1,
          obstacle: null,
        },
        { node: 'b', state: 'up', readySince: null, portLosses: 0, obstacle: null },
        { node: 'c', state: 'up', readySince: null, portLosses: 0, obstacle: 'c is cordoned' },
      ],
    }
    expect((await fixture.get('/v1/fleets/demo')).body.forwarding).toEqual([told])
    expect((await fixture.get('/v1/engines/demo.forwarded')).body.forwarding).toEqual(told)
    expect((await fixture.get('/v1/engines/demo.0')).body.forwarding).toBeNull()
  })
})
