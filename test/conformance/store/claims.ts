import { expect, it } from 'vitest'
import type { ContainerId } from '../../../src/docker/port.ts'
import type { Epoch } from '../../../src/lease/lease.ts'
import type { Claim, ClaimAnswer } from '../../../src/store/claim.ts'
import { type Endpoint, RESERVATION_TTL_MS } from '../../../src/store/store.ts'
import {
  draining,
  endpoint,
  FLEET,
  fleetStatus,
  id,
  leadFrom,
  type OpenStore,
  type StoreBench,
  session,
} from './sample.ts'

type Open = () => Promise<StoreBench & { readonly epoch: Epoch }>

/** A fleet whose published engines are these, on a store that knows of all sessions. */
function withEngines(open: OpenStore, ...engines: readonly Partial<Endpoint>[]): Open {
  return async () => {
    const bench = await open('settled')
    const epoch = await leadFrom(bench.store)
    await bench.store.publish(
      FLEET,
      epoch,
      fleetStatus(epoch),
      engines.map((each) => endpoint(epoch, each)),
    )
    return { ...bench, epoch }
  }
}

function claim({ store, now }: StoreBench, name: string, change: Partial<Claim> = {}) {
  const nowMs = now()
  const wanted = {
    ...{
      id: name,
      content: `id:${name}`,
      holder: 'gateway-1',
      relay: 'http://one',
      avoid: [],
      instead: '',
    },
    ...{ expiresAt: nowMs + RESERVATION_TTL_MS, ...change },
  }
  return store.claim(FLEET, wanted, nowMs)
}

const engineOf = (answer: ClaimAnswer): ContainerId | string =>
  answer.kind === 'claimed' ? answer.endpoint.containerId : answer.kind

/** Selection and claim in one step. */
export function describeClaims(open: OpenStore): void {
  const [a, b, c] = [id('a'), id('b'), id('c')]
  describeChoice(open)
  describeContents(open)

  it('gives out every place once, and none twice, under concurrent claims (I3)', async () => {
    await using bench = await withEngines(
      open,
      { containerId: a, maxStreams: 1 },
      { containerId: b, maxStreams: 2 },
      { containerId: c, maxStreams: 3 },
    )()
    const names = Array.from({ length: 40 }, (_, n) => `s${n}`)
    const answers = await Promise.all(names.map((name) => claim(bench, name)))
    const on = (engine: string) => answers.filter((each) => engineOf(each) === engine).length
    expect([on(a), on(b), on(c), on('refused')]).toEqual([1, 2, 3, 34])
    expect(answers.at(-1)).toEqual({ kind: 'refused', engines: 3, ready: 3, free: 0 })
  })

  it('answers a claim that is repeated, because its answer was lost, as the first time', async () => {
    await using bench = await withEngines(open, { containerId: a, maxStreams: 1 })()
    const first = await claim(bench, 'r')
    expect(first).toMatchObject({ kind: 'claimed', load: { active: 0, pending: 1 } })
    expect(await claim(bench, 'r')).toEqual(first)
    expect(await claim(bench, 's')).toMatchObject({ kind: 'refused' })
  })

  it('makes a reservation that is turned active, renewed, listed and given back', async () => {
    await using bench = await withEngines(open, { containerId: a, maxStreams: 2 })()
    await claim(bench, 'p')
    await claim(bench, 'q')
    const nowMs = bench.now()
    const active = session('q', {
      ...{ content: 'id:q', relay: 'http://one', lastBytesAt: nowMs - 1 },
      expiresAt: nowMs + RESERVATION_TTL_MS,
    })
    expect(await bench.store.reserve(FLEET, active, 2, nowMs)).toBe('reserved')
    const listed = await bench.store.sessions(FLEET, bench.now())
    const shown = listed.map(({ id: name, containerId, content, holder, state, relay }) => {
      return [name, containerId, content, holder, state, relay]
    })
    expect(shown).toEqual([
      ['p', a, 'id:p', 'gateway-1', 'pending', 'http://one'],
      ['q', a, 'id:q', 'gateway-1', 'active', 'http://one'],
    ])
    expect(listed[1]?.lastBytesAt).toBeCloseTo(nowMs - 1, -2)
    await bench.store.release(FLEET, 'p', bench.now())
    await bench.store.release(FLEET, 'q', bench.now())
    expect(await bench.store.sessions(FLEET, bench.now())).toEqual([])
    expect(engineOf(await claim(bench, 'r'))).toBe(a)
  })

  it('keeps the first key by which gateways know each other', async () => {
    await using bench = await open()
    expect(await bench.store.relayKey('one')).toBe('one')
    expect(await bench.store.relayKey('two')).toBe('one')
  })

  it('is unsettled while the store may have forgotten sessions, and says for how long', async () => {
    await using bench = await open('new')
    const epoch = await leadFrom(bench.store)
    await bench.store.publish(FLEET, epoch, fleetStatus(epoch), [endpoint(epoch)])
    const answer = await claim(bench, 'r')
    expect(answer.kind).toBe('unsettled')
    const waitMs = answer.kind === 'unsettled' ? answer.retryAfterMs : 0
    expect(waitMs).toBeGreaterThan(0)
    expect(waitMs).toBeLessThanOrEqual(RESERVATION_TTL_MS)
  })
}

function describeChoice(open: OpenStore): void {
  const [a, b, c, d] = [id('a'), id('b'), id('c'), id('d')]

  it('takes the engine with the fewest sessions, then the forwarded one, then the one unused for longest', async () => {
    const engines = [{ containerId: a }, { containerId: b, forwarded: true }, { containerId: c }]
    await using bench = await withEngines(open, ...engines)()
    expect(engineOf(await claim(bench, '1'))).toBe(b)
    expect(engineOf(await claim(bench, '2'))).toBe(a)
    await bench.pass(5)
    expect(engineOf(await claim(bench, '3'))).toBe(c)
    await bench.pass(5)
    await bench.store.release(FLEET, '3', bench.now())
    await bench.pass(5)
    await bench.store.release(FLEET, '2', bench.now())
    // Both idle; c was given back before a.
    expect(engineOf(await claim(bench, '4'))).toBe(c)
  })

  it('passes over engines that are not ready, marked, full or to be avoided', async () => {
    await using bench = await withEngines(
      open,
      { containerId: a, ready: false },
      { containerId: b, maxStreams: 1 },
      { containerId: c, maxStreams: 5 },
      { containerId: d, maxStreams: 5 },
    )()
    await claim(bench, 'fills-b')
    await bench.store.mark(FLEET, draining(bench.epoch, { containerId: c }))
    expect(engineOf(await claim(bench, 'r'))).toBe(d)
    const answer = await claim(bench, 's', { avoid: [d] })
    expect(answer).toEqual({ kind: 'refused', engines: 4, ready: 2, free: 4 })
  })

  it('refuses where nothing is published', async () => {
    await using bench = await open('settled')
    expect(await claim(bench, 'r')).toEqual({ kind: 'refused', engines: 0, ready: 0, free: 0 })
  })
}

function describeContents(open: OpenStore): void {
  const [a, b] = [id('a'), id('b')]
  const engines = [
    { containerId: a, maxStreams: 1 },
    { containerId: b, maxStreams: 1 },
  ]
  const ofOther = { holder: 'gateway-2', relay: 'http://two' }
  const first = {
    kind: 'playing',
    id: 'r',
    containerId: a,
    holder: 'gateway-1',
    relay: 'http://one',
  }

  it('names the session that plays a content already, also while the fleet is full', async () => {
    await using bench = await withEngines(open, ...engines)()
    await claim(bench, 'r')
    expect(await claim(bench, 's', { ...ofOther, content: 'id:r' })).toEqual(first)
    await claim(bench, 'fills-b')
    expect(await claim(bench, 's', { ...ofOther, content: 'id:r' })).toEqual(first)
  })

  it('lets exactly one of many have a content whose session lapsed', async () => {
    await using bench = await withEngines(open, ...engines)()
    await claim(bench, 'r', { expiresAt: bench.now() + 300 })
    await bench.pass(350)
    const names = ['s', 't', 'u', 'v']
    const answers = await Promise.all(
      names.map((name) => claim(bench, name, { ...ofOther, content: 'id:r' })),
    )
    expect(answers.filter(({ kind }) => kind === 'claimed')).toHaveLength(1)
    expect(answers.filter(({ kind }) => kind === 'playing')).toHaveLength(3)
    const nowMs = bench.now()
    const late = session('r', { content: 'id:r', expiresAt: nowMs + RESERVATION_TTL_MS })
    expect(await bench.store.reserve(FLEET, late, 5, nowMs)).toBe('taken')
  })

  it('finds a session by what it was asked for and by its infohash alike', async () => {
    await using bench = await withEngines(open, ...engines)()
    const { store } = bench
    await claim(bench, 'r')
    expect(await store.identify(FLEET, 'r', 'id:r', 'infohash:f')).toEqual({ kind: 'only' })
    expect(await claim(bench, 's', { content: 'infohash:f' })).toEqual(first)
    expect(await claim(bench, 's', { content: 'id:r' })).toEqual(first)
    const nowMs = bench.now()
    const renewal = session('r', { content: 'infohash:f', expiresAt: nowMs + RESERVATION_TTL_MS })
    expect(await store.reserve(FLEET, { ...renewal, relay: 'http://one' }, 1, nowMs)).toBe(
      'reserved',
    )
    expect(await claim(bench, 's', { content: 'id:r' })).toEqual(first)
    await store.release(FLEET, 'r', bench.now())
    // What an id means is remembered longer than the session that showed it.
    await claim(bench, 't', { content: 'infohash:f' })
    expect(await claim(bench, 'u', { content: 'id:r' })).toMatchObject({ kind: 'playing', id: 't' })
  })

  it('knows a session that is renewed while it starts, by what it was asked for, by its infohash as well', async () => {
    await using bench = await withEngines(open, ...engines)()
    const { store } = bench
    await claim(bench, 'before', { content: 'id:r' })
    await store.identify(FLEET, 'before', 'id:r', 'infohash:f')
    await store.release(FLEET, 'before', bench.now())
    await claim(bench, 'r')
    const nowMs = bench.now()
    const renewal = session('r', {
      ...{ content: 'id:r', state: 'pending', relay: 'http://one' },
      ...{ containerId: (await store.sessions(FLEET, nowMs))[0]?.containerId ?? a },
      expiresAt: nowMs + RESERVATION_TTL_MS,
    })
    expect(await store.reserve(FLEET, renewal, 1, nowMs)).toBe('reserved')
    const other = await claim(bench, 's', { content: 'infohash:f' })
    expect(other).toMatchObject({ kind: 'playing', id: 'r' })
  })

  it('says which session came first when two contents turn out to be one', async () => {
    await using bench = await withEngines(open, ...engines)()
    const { store } = bench
    await claim(bench, 'r')
    await claim(bench, 's', ofOther)
    expect(await store.identify(FLEET, 'r', 'id:r', 'infohash:f')).toEqual({ kind: 'only' })
    expect(await store.identify(FLEET, 's', 'id:s', 'infohash:f')).toEqual(first)
    await store.release(FLEET, 's', bench.now())
    expect(await claim(bench, 't', { content: 'id:s' })).toEqual(first)
  })

  it.each([
    ['r', 's'],
    ['s', 'r'],
  ])('knows the infohash of a session that moves, from %s to %s', async (old, next) => {
    await using bench = await withEngines(open, ...engines)()
    const { store } = bench
    await claim(bench, old, { content: 'id:x' })
    await store.identify(FLEET, old, 'id:x', 'infohash:f')
    const renew = async () => {
      const nowMs = bench.now()
      const expiresAt = nowMs + RESERVATION_TTL_MS
      const renewal = session(old, { content: 'infohash:f', state: 'active', expiresAt })
      expect(await store.reserve(FLEET, renewal, 1, nowMs)).toBe('reserved')
    }
    await renew()
    await claim(bench, next, { content: 'id:x', instead: old, avoid: [a] })
    await renew()
    expect(await store.identify(FLEET, next, 'id:x', 'infohash:f')).toEqual({ kind: 'only' })
  })

  it('lets a session move: the new one plays the content from then on, and the old one lives until it is given back', async () => {
    await using bench = await withEngines(open, ...engines)()
    const { store } = bench
    await claim(bench, 'r')
    expect(await claim(bench, 's', { content: 'id:r', instead: 'x' })).toEqual(first)
    const moved = await claim(bench, 's', { content: 'id:r', instead: 'r', avoid: [a] })
    expect(engineOf(moved)).toBe(b)
    const nowMs = bench.now()
    const renewal = session('r', { content: 'id:r', expiresAt: nowMs + RESERVATION_TTL_MS })
    expect(await store.reserve(FLEET, renewal, 1, nowMs)).toBe('reserved')
    await store.release(FLEET, 'r', bench.now())
    expect(await claim(bench, 't', { content: 'id:r' })).toMatchObject({ kind: 'playing', id: 's' })
  })

  it('forgets what a session on an engine that is gone played', async () => {
    await using bench = await withEngines(open, ...engines)()
    await claim(bench, 'r')
    await bench.store.forget(FLEET, bench.epoch, a)
    expect(await claim(bench, 's', { content: 'id:r' })).toMatchObject({ kind: 'claimed' })
  })
}
