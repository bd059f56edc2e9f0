import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ApiFixture, id, makeApiFixture } from '../../test/harness/api-fixture.ts'
import { DockerUnreachable } from '../docker/errors.ts'
import { StoreUnavailable } from '../store/errors.ts'

let fixture: ApiFixture

beforeEach(async () => {
  fixture = await makeApiFixture()
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

describe('reads', () => {
  it('lists fleets with ISO times, also those that were accepted but never looked at', async () => {
    await fixture.publishDemo()
    await fixture.store.acceptSpec({
      fleet: 'fresh',
      generation: 1,
      hash: 'h',
      document: { replicas: 2 },
      source: 'specs/fresh.yaml',
      acceptedAt: Date.UTC(2026, 0, 1),
    })
    const { body } = await fixture.get('/v1/fleets')
    expect(body.items.map((item: { name: string }) => item.name)).toEqual(['demo', 'fresh'])
    expect(body.items[0]).toMatchObject({
      ready: 2,
      observedAt: '2026-01-01T00:00:00.000Z',
      conditions: [{ type: 'Ready', since: '1970-01-01T00:00:01.000Z' }],
    })
    expect(body.items[1]).toMatchObject({
      ready: null,
      observedAt: null,
      source: 'specs/fresh.yaml',
      acceptedAt: '2026-01-01T00:00:00.000Z',
    })
  })

  it('shows what keeps this process from publishing, unless another one has looked since', async () => {
    const trouble = {
      type: 'StoreUnavailable',
      status: 'True',
      reason: 'StoreUnavailable',
      message: 'the disk is full',
      since: Date.UTC(2026, 0, 1) + 1,
    } as const
    fixture.control.trouble = () => trouble
    await fixture.publishDemo()
    const types = async () => {
      const { body } = await fixture.get('/v1/fleets/demo')
      return body.conditions.map((c: { type: string }) => c.type)
    }
    expect(await types()).toEqual(['Ready', 'StoreUnavailable'])
    const { body } = await fixture.get('/v1/fleets')
    expect(body.items[0].conditions).toHaveLength(2)
    fixture.control.trouble = () => ({ ...trouble, since: Date.UTC(2026, 0, 1) - 1 })
    expect(await types()).toEqual(['Ready'])
  })

  it('tells who leads now, and apart from that who published what is told', async () => {
    await fixture.publishDemo()
    const { body: leaderless } = await fixture.get('/v1/fleets/demo')
    const nobody = { leader: null, epoch: null, leaseMs: null, leading: false }
    expect(leaderless).toMatchObject({ ...nobody, lastLeader: 'host/1', lastEpoch: 1, ready: 2 })
    fixture.control.leadership = (fleet) =>
      fleet === 'demo' ? { holder: 'nas:1', epoch: 7, leaseMs: 4_100, isSelf: false } : undefined
    const { body: led } = await fixture.get('/v1/fleets/demo')
    const leader = { leader: 'nas:1', epoch: 7, leaseMs: 4_100, leading: false }
    expect(led).toMatchObject({ ...leader, lastLeader: 'host/1', lastEpoch: 1 })
    const { body: list } = await fixture.get('/v1/fleets')
    expect(list.items[0]).toMatchObject(leader)
  })

  it('tells of every replica that lives what it leads and declares of the fleet', async () => {
    await fixture.publishDemo()
    const startedAt = Date.UTC(2026, 0, 1)
    const declares = { demo: { hash: 'h2', source: 'specs/demo.yaml:3' } }
    fixture.control.replicas = () => [
      { holder: 'nas:1', startedAt, leads: ['demo'], declares, agoMs: 0 },
      { holder: 'nas:2', startedAt, leads: ['other'], declares: {}, agoMs: 900 },
    ]
    const { body } = await fixture.get('/v1/fleets/demo')
    const started = { startedAt: '2026-01-01T00:00:00.000Z' }
    expect(body.liveReplicas).toEqual([
      { holder: 'nas:1', leads: true, declares: declares.demo, agoMs: 0, ...started },
      { holder: 'nas:2', leads: false, declares: null, agoMs: 900, ...started },
    ])
  })

  it('lists engines in the order in which people count, unknown streams as null', async () => {
    await fixture.publishDemo()
    const { body } = await fixture.get('/v1/engines?fleet=demo')
    expect(body.items.map((item: { name: string }) => item.name)).toEqual([
      'demo.2',
      'demo.3',
      'demo.10',
    ])
    expect(body.items[2]).toMatchObject({ fleet: 'demo', slot: '10', streams: null })
    expect(body.items[1]).toMatchObject({ containerId: null })
  })

  it('shows one engine with its mark, one node with its requests, one fleet with all', async () => {
    await fixture.publishDemo()
    const epoch = await fixture.store.openTerm('demo', 'x', 0, fixture.clock.now())
    await fixture.store.mark('demo', {
      containerId: id('b'),
      kind: 'draining',
      reason: 'EngineDraining',
      at: 1_000,
      deadlineAt: 2_000,
      epoch,
    })
    await fixture.store.addRequest('demo', { kind: 'cordon', node: 'gluetun-a' })
    expect((await fixture.get('/v1/engines/demo.2')).body.mark).toMatchObject({
      kind: 'draining',
      deadlineAt: '1970-01-01T00:00:02.000Z',
    })
    expect((await fixture.get('/v1/vpns/gluetun-a')).body).toMatchObject({
      requests: [{ kind: 'cordon' }],
      engineNames: ['demo.2', 'demo.3', 'demo.10'],
    })
    const { body } = await fixture.get('/v1/fleets/demo')
    expect(body.engines).toHaveLength(3)
    expect(body.vpns).toHaveLength(2)
  })

  it('lists engine sessions from the store', async () => {
    await fixture.publishDemo()
    await fixture.store.reserve(
      'demo',
      {
        id: 'r',
        containerId: id('b'),
        content: 'c',
        holder: 'h',
        state: 'active',
        expiresAt: fixture.clock.now() + 10_000,
        lastBytesAt: 0,
        relay: '',
        figures: { viewers: 3, startedAt: 1_000, bufferedMs: 2_000, skippedBytes: 0 },
        stat: { peers: 7, downBytesPerS: 500_000, upBytesPerS: 20_000 },
      },
      2,
      fixture.clock.now(),
    )
    const { body } = await fixture.get('/v1/streams')
    const stat = { peers: 7, downBytesPerS: 500_000, upBytesPerS: 20_000 }
    const stream = {
      ...{
        id: 'r',
        content: 'c',
        fleet: 'demo',
        engine: 'demo.2',
        slot: '2',
        containerId: id('b'),
      },
      ...{ vpn: 'gluetun-a', forwarded: false, state: 'active', gateway: 'h', viewers: 3 },
      ...{ startedAt: '1970-01-01T00:00:01.000Z', bitsPerS: null, bufferedMs: 2_000 },
      ...{ skippedBytes: 0, lastBytesAt: null, ...stat },
    }
    expect(body.items).toEqual([stream])
    expect((await fixture.get('/v1/engines/demo.2')).body.sessions).toEqual([stream])
    expect((await fixture.get('/v1/engines/demo.10')).body.sessions).toEqual([])
    const { body: fleet } = await fixture.get('/v1/fleets/demo')
    expect(fleet.p2p).toEqual({ forwarded: null, others: { engines: 1, ...stat } })
  })

  it.each([
    ['/v1/fleets/nope', 'no fleet is named "nope"; there are: demo'],
    ['/v1/engines/nope', 'no engine is named "nope"; there are: demo.2, demo.3, demo.10'],
    ['/v1/vpns/nope', 'no VPN node is named "nope"; there are: gluetun-a, gluetun-b'],
    ['/v1/engines?fleet=nope', 'no fleet is named "nope"; there are: demo'],
  ])('answers %s with 404 and what there is', async (path, detail) => {
    await fixture.publishDemo()
    const { status: code, body, headers } = await fixture.get(path)
    expect(code).toBe(404)
    expect(body.detail).toBe(detail)
    expect(headers.get('Content-Type')).toBe('application/problem+json')
  })

  it.each([
    ['/v1/events?limit=abc', 'limit must be a whole number'],
    ['/v1/events?limit=0', 'limit must be 1 to 1000'],
    ['/v1/events?after=-1', 'after must be a whole number'],
    ['/v1/engines?flet=demo', 'unknown parameter "flet"; taken are: fleet'],
    ['/v1/fleets?x=1', 'unknown parameter "x"; none is taken here'],
  ])('answers %s with 400 and what would be right', async (path, detail) => {
    expect(await fixture.get(path)).toMatchObject({ status: 400, body: { detail } })
  })

  it('answers an unknown path with what is served, and a wrong method with the right ones', async () => {
    const unknown = await fixture.get('/v2/fleets')
    expect(unknown.status).toBe(404)
    expect(unknown.body.routes).toContain('POST /v1/vpns/{name}/cordon')
    const response = await fixture.app.request('/v1/fleets', { method: 'DELETE' })
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toContain('GET')
  })

  it('serves the plan, and 503 where the fleet is not looked after or Docker is away', async () => {
    await fixture.publishDemo()
    expect((await fixture.get('/v1/fleets/demo/plan')).status).toBe(503)
    const preview = { actions: [{ verb: 'create', target: 'demo.4', reason: 'r' }], conditions: [] }
    fixture.control.plan = async () => preview
    expect(await fixture.get('/v1/fleets/demo/plan')).toMatchObject({ status: 200, body: preview })
    fixture.control.plan = () => Promise.reject(new DockerUnreachable('no socket'))
    const away = await fixture.get('/v1/fleets/demo/plan')
    expect(away).toMatchObject({
      status: 503,
      body: { detail: 'Docker does not answer: no socket' },
    })
  })

  it('answers 503 with a hint to come back while the store is away', async () => {
    fixture.store.statuses = () => Promise.reject(new StoreUnavailable('disk full'))
    const { status: code, body, headers } = await fixture.get('/v1/fleets')
    expect(code).toBe(503)
    expect(body.detail).toContain('disk full')
    expect(headers.get('Retry-After')).toBe('2')
  })

  it('keeps what an unexpected error says to itself', async () => {
    fixture.store.statuses = () => Promise.reject(new TypeError('secret of the house'))
    const { status: code, body } = await fixture.get('/v1/fleets')
    expect(code).toBe(500)
    expect(JSON.stringify(body)).not.toContain('secret')
  })
})
