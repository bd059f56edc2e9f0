import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ApiFixture, makeApiFixture, status } from '../../test/harness/api-fixture.ts'
import { StoreUnavailable } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import { rememberReads } from './remembered-reads.ts'
import { STORE_AGE_HEADER } from './store-age.ts'

let fixture: ApiFixture
let isAway = false

const METHODS = [
  ...['statuses', 'acceptedSpecs', 'readFleet', 'sessions', 'events'],
  ...['addRequest', 'removeRequest', 'appendEvents'],
] as const

/** Has every call of the store end as those of a Redis that is away do, for as long as `isAway`. */
function makeFragile(store: Record<string, unknown>): void {
  for (const name of METHODS) {
    const call = store[name] as (...args: unknown[]) => Promise<unknown>
    store[name] = (...args: unknown[]) =>
      isAway ? Promise.reject(new StoreUnavailable('Redis is away')) : call(...args)
  }
}

beforeEach(async () => {
  isAway = false
  fixture = await makeApiFixture()
  makeFragile(fixture.store as unknown as Record<string, unknown>)
})

afterEach(async () => {
  isAway = false
  await fixture[Symbol.asyncDispose]()
})

async function lose() {
  isAway = true
  await fixture.clock.advance(2_500)
}

/** Everything is read as it is now and then in a server that runs. */
async function remember() {
  const done = new AbortController()
  const following = fixture.reads.follow(done.signal)
  await fixture.clock.advance(1)
  done.abort()
  await following
}

describe('reads while the store is away', () => {
  it.each([
    '/v1/fleets',
    '/v1/fleets/demo',
    '/v1/engines',
    '/v1/engines/demo.2',
    '/v1/vpns',
    '/v1/vpns/gluetun-a',
    '/v1/streams',
    '/v1/events?fleet=demo',
  ])('%s answers what was known last, and how old that is', async (path) => {
    await fixture.publishDemo()
    const event = { at: 1, fleet: 'demo', type: 'Normal', reason: 'Converged' } as const
    fixture.recorder.record({ ...event, message: 'all is well' })
    await fixture.recorder.flush()
    await remember()
    const before = await fixture.get(path)
    await lose()
    const { status: code, headers, body } = await fixture.get(path)
    expect(code).toBe(200)
    expect(headers.get(STORE_AGE_HEADER)).toBe('3')
    expect(before.headers.get(STORE_AGE_HEADER)).toBeNull()
    if (!path.startsWith('/v1/fleets')) expect(body).toEqual(before.body)
  })

  it('say so of every fleet, with the time since when', async () => {
    await fixture.publishDemo()
    await fixture.get('/v1/fleets')
    await lose()
    const since = new Date(fixture.clock.now()).toISOString()
    await fixture.get('/v1/fleets')
    await fixture.clock.advance(60_000)
    const { body } = await fixture.get('/v1/fleets')
    expect(body.items[0]).toMatchObject({ name: 'demo', ready: 2 })
    expect(body.items[0].conditions).toMatchObject([
      { type: 'Ready' },
      {
        type: 'StoreUnavailable',
        status: 'True',
        since,
        message: 'the store does not answer, and this is what it said last: Redis is away',
      },
    ])
  })

  it('say it once where passes have found out before, since then', async () => {
    await fixture.publishDemo()
    await fixture.get('/v1/fleets')
    const since = fixture.clock.now()
    await lose()
    fixture.control.trouble = () => ({
      ...{ type: 'StoreUnavailable', status: 'True', reason: 'StoreUnavailable' },
      ...{ message: 'no pass', since },
    })
    const { body } = await fixture.get('/v1/fleets')
    const types = body.items[0].conditions.map((each: { type: string }) => each.type)
    expect(types).toEqual(['Ready', 'StoreUnavailable'])
    expect(Date.parse(body.items[0].conditions[1].since)).toBe(since)
  })

  it('answer 503 where nothing was known, with a hint when to come back', async () => {
    await fixture.publishDemo()
    isAway = true
    for (const path of ['/v1/fleets', '/v1/engines', '/v1/events']) {
      const { status: code, headers, body } = await fixture.get(path)
      expect([code, headers.get('Content-Type')]).toEqual([503, 'application/problem+json'])
      expect(headers.get('Retry-After')).toBe('2')
      expect(body.detail).toBe('the store does not answer: Redis is away')
    }
  })

  it('answer what the store says as soon as it is back, and since anew when it goes again', async () => {
    await fixture.publishDemo()
    await fixture.get('/v1/fleets')
    await lose()
    await fixture.get('/v1/fleets')
    isAway = false
    await fixture.publish(status('demo', { ready: 1 }))
    const back = await fixture.get('/v1/fleets')
    expect(back.headers.get(STORE_AGE_HEADER)).toBeNull()
    expect(back.body.items[0]).toMatchObject({ ready: 1, conditions: [{ type: 'Ready' }] })
    await lose()
    const again = new Date(fixture.clock.now()).toISOString()
    const { body } = await fixture.get('/v1/fleets')
    expect(body.items[0]).toMatchObject({ ready: 1 })
    expect(body.items[0].conditions[1]).toMatchObject({ since: again })
  })

  it('do not take a mistake of ours for the weather', async () => {
    await fixture.publishDemo()
    await fixture.get('/v1/fleets')
    fixture.store.statuses = () => Promise.reject(new TypeError('a bug'))
    expect((await fixture.get('/v1/fleets')).status).toBe(500)
  })
})

describe('changes while the store is away', () => {
  it('answer 503, and that asking again does no harm', async () => {
    await fixture.publishDemo()
    await fixture.get('/v1/fleets')
    isAway = true
    for (const path of ['/v1/engines/demo.2/drain', '/v1/vpns/gluetun-a/cordon']) {
      const { status: code, headers, body } = await fixture.post(path)
      expect([code, headers.get('Retry-After')]).toEqual([503, '2'])
      expect(body.detail).toBe(
        'the request may not have been taken down: the store does not answer (Redis is away). Send it again when it does; twice does no harm',
      )
    }
    expect(fixture.woken).toEqual([])
  })
})

describe('what is remembered', () => {
  it('is the later question, whichever answer comes last', async () => {
    const first = Promise.withResolvers<Awaited<ReturnType<Store['statuses']>>>()
    const answers = [first.promise, Promise.resolve([status('late')])]
    const store = { ...fixture.store, statuses: () => answers.shift() ?? Promise.reject(away()) }
    const reads = rememberReads(store, fixture.clock)
    const early = reads.begin().statuses()
    await fixture.clock.advance(10)
    await reads.begin().statuses()
    first.resolve([status('early')])
    await early
    expect(await reads.begin().statuses()).toMatchObject([{ fleet: 'late' }])
  })

  it('is of 200 fleets at most', async () => {
    let isGone = false
    const read = fixture.store.readFleet
    const readFleet: Store['readFleet'] = async (...args) => {
      if (isGone) throw away()
      return await read(...args)
    }
    const reads = rememberReads({ ...fixture.store, readFleet }, fixture.clock)
    for (let index = 0; index <= 200; index += 1) await reads.begin().readFleet(`f${index}`, 1)
    isGone = true
    await expect(reads.begin().readFleet('f0', 1)).rejects.toThrow('gone')
    await expect(reads.begin().readFleet('f1', 1)).resolves.toBeDefined()
  })

  it('is no older than 5 s where nobody asks', async () => {
    const done = new AbortController()
    const following = fixture.reads.follow(done.signal)
    await fixture.clock.advance(1)
    await fixture.publishDemo()
    await fixture.clock.advance(5_000)
    isAway = true
    await fixture.clock.advance(30_000)
    const { body } = await fixture.get('/v1/engines')
    expect(body.items).toHaveLength(3)
    done.abort()
    await following
  })
})

function away() {
  return new StoreUnavailable('gone')
}
