import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Reservation } from '../../../src/store/store.ts'
import { draining, FLEET, id, leadFrom, type OpenStore, session, T0 } from './sample.ts'

const TTL = 15_000
const LAPSED = T0 + TTL + 1

/** I3 and the claims' half of I7. */
export function describeReservations(open: OpenStore): void {
  it('reserves up to maxStreams under concurrent calls, and not one more (I3)', async () => {
    await using store = await open()
    const names = Array.from({ length: 20 }, (_, n) => `s${n}`)
    const answers = await Promise.all(
      names.map((name) => store.reserve(FLEET, session(name), 3, T0)),
    )
    expect(answers.filter((answer) => answer === 'reserved')).toHaveLength(3)
    expect(answers.filter((answer) => answer === 'full')).toHaveLength(17)
    expect((await store.readFleet(FLEET, T0)).streams.get(id('a'))).toMatchObject({ active: 3 })
  })

  it('counts active and pending, and remembers when bytes flowed last', async () => {
    await using store = await open()
    await store.reserve(FLEET, session('p', { state: 'pending', lastBytesAt: 0 }), 3, T0)
    await store.reserve(FLEET, session('q', { lastBytesAt: T0 + 5 }), 3, T0)
    await store.reserve(FLEET, session('r', { lastBytesAt: T0 + 3 }), 3, T0)
    await store.reserve(FLEET, session('x', { containerId: id('b'), lastBytesAt: 0 }), 3, T0)
    const { streams } = await store.readFleet(FLEET, T0)
    expect(streams.get(id('a'))).toEqual({ active: 2, pending: 1, lastBytesAt: T0 + 5 })
    expect(streams.get(id('b'))).toEqual({ active: 1, pending: 0, lastBytesAt: 0 })
    await store.release(FLEET, 'q')
    expect((await store.readFleet(FLEET, T0)).streams.get(id('a'))).toEqual({
      active: 1,
      pending: 1,
      lastBytesAt: T0 + 5,
    })
  })

  it('renews for the same holder on a full engine, and changes its state', async () => {
    await using store = await open()
    await store.reserve(FLEET, session('r', { state: 'pending' }), 1, T0)
    const later = session('r', { expiresAt: T0 + 20_000 })
    expect(await store.reserve(FLEET, later, 1, T0 + 5000)).toBe('reserved')
    const { streams } = await store.readFleet(FLEET, T0 + 19_000)
    expect(streams.get(id('a'))).toMatchObject({ active: 1, pending: 0 })
  })

  it('gives a place free by release, twice if need be, and by expiry (I3)', async () => {
    await using store = await open()
    await store.reserve(FLEET, session('r'), 1, T0)
    await store.release(FLEET, 'r')
    await store.release(FLEET, 'r')
    expect(await store.reserve(FLEET, session('s'), 1, T0)).toBe('reserved')
    expect(await store.reserve(FLEET, session('t'), 1, T0 + TTL - 1)).toBe('full')
    const { streams } = await store.readFleet(FLEET, T0 + TTL)
    expect(streams.get(id('a'))).toMatchObject({ active: 0, pending: 0 })
    const next = session('t', { expiresAt: LAPSED + TTL })
    expect(await store.reserve(FLEET, next, 1, T0 + TTL)).toBe('reserved')
  })

  it('takes a lapsed reservation up again only while there is room (I3)', async () => {
    await using store = await open()
    const again = session('r', { expiresAt: LAPSED + TTL })
    await store.reserve(FLEET, session('r'), 1, T0)
    expect(await store.reserve(FLEET, again, 1, LAPSED)).toBe('reserved')
    await store.release(FLEET, 'r')
    await store.reserve(FLEET, session('r'), 1, T0)
    await store.reserve(FLEET, session('s', { expiresAt: LAPSED + TTL }), 1, LAPSED)
    expect(await store.reserve(FLEET, again, 1, LAPSED)).toBe('full')
  })

  it('refuses an id that another holder has', async () => {
    await using store = await open()
    await store.reserve(FLEET, session('r'), 2, T0)
    expect(await store.reserve(FLEET, session('r', { holder: 'gateway-2' }), 2, T0)).toBe('full')
  })

  it('moves a reservation to another engine only when that one has room (I3)', async () => {
    await using store = await open()
    await store.reserve(FLEET, session('r'), 1, T0)
    await store.reserve(FLEET, session('s', { containerId: id('b') }), 1, T0)
    expect(await store.reserve(FLEET, session('r', { containerId: id('b') }), 1, T0)).toBe('full')
    expect(await store.reserve(FLEET, session('r', { containerId: id('c') }), 1, T0)).toBe(
      'reserved',
    )
    const { streams } = await store.readFleet(FLEET, T0)
    expect(streams.get(id('a'))).toMatchObject({ active: 0, pending: 0 })
    expect(streams.get(id('c'))).toMatchObject({ active: 1 })
  })

  for (const kind of ['draining', 'failed'] as const) {
    it(`refuses a new session on a ${kind} engine (I7)`, async () => {
      await using store = await open()
      const epoch = await leadFrom(store)
      await store.mark(FLEET, draining(epoch, { kind }))
      expect(await store.reserve(FLEET, session('r'), 2, T0)).toBe('marked')
      const elsewhere = session('s', { containerId: id('b') })
      expect(await store.reserve(FLEET, elsewhere, 2, T0)).toBe('reserved')
      expect(await store.reserve(FLEET, { ...elsewhere, containerId: id('a') }, 2, T0)).toBe(
        'marked',
      )
    })
  }

  it('lets sessions on a draining engine be renewed, so that it does not seem idle (I5)', async () => {
    await using store = await open()
    await store.reserve(FLEET, session('r'), 2, T0)
    await store.mark(FLEET, draining(await leadFrom(store)))
    const renewed = session('r', { expiresAt: T0 + 20_000 })
    expect(await store.reserve(FLEET, renewed, 2, T0 + 5000)).toBe('reserved')
    expect(await store.reserve(FLEET, { ...renewed, expiresAt: T0 + 60_000 }, 2, T0 + 30_000)).toBe(
      'reserved',
    )
  })

  it('takes nothing lapsed up again once a stop is decided or the engine failed', async () => {
    await using store = await open()
    const epoch = await leadFrom(store)
    const lapsed = (containerId: Reservation['containerId']) =>
      session(containerId, { containerId, expiresAt: LAPSED + TTL })
    for (const containerId of [id('a'), id('b')]) {
      await store.reserve(FLEET, session(containerId, { containerId }), 2, T0)
    }
    await store.mark(FLEET, draining(epoch, { stopAt: T0 }))
    await store.mark(FLEET, draining(epoch, { containerId: id('b'), kind: 'failed' }))
    expect(await store.reserve(FLEET, lapsed(id('a')), 2, LAPSED)).toBe('marked')
    expect(await store.reserve(FLEET, lapsed(id('b')), 2, LAPSED)).toBe('marked')
  })

  it('keeps what lapsed lapsed when the wall clock steps back (I3)', async () => {
    await using store = await open()
    await store.reserve(FLEET, session('r'), 1, T0)
    const successor = session('s', { expiresAt: LAPSED + TTL })
    expect(await store.reserve(FLEET, successor, 1, LAPSED)).toBe('reserved')
    expect((await store.readFleet(FLEET, T0)).streams.get(id('a'))).toMatchObject({ active: 1 })
    expect(await store.reserve(FLEET, session('r'), 1, T0)).toBe('full')
  })

  it('forgets what lapsed long ago', async () => {
    await using store = await open()
    await store.reserve(FLEET, session('r'), 2, T0)
    await store.mark(FLEET, draining(await leadFrom(store)))
    const muchLater = T0 + 3_600_000
    await store.reserve(FLEET, session('x', { containerId: id('b') }), 2, muchLater)
    const again = session('r', { expiresAt: muchLater + TTL })
    expect(await store.reserve(FLEET, again, 2, muchLater)).toBe('marked')
  })

  it('never exceeds maxStreams, and loses nobody, in any interleaving of calls and time (I3)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), (steps) => replay(open, steps)),
      {
        numRuns: 60,
      },
    )
  })
}

const step = fc.record({
  verb: fc.constantFrom('reserve', 'reserve', 'reserve', 'release', 'wait'),
  name: fc.constantFrom('p', 'q', 'r', 's', 't'),
  engine: fc.constantFrom(id('a'), id('b')),
  holder: fc.constantFrom('gateway-1', 'gateway-2'),
  max: fc.integer({ min: 1, max: 3 }),
  // A wall clock may step back.
  ms: fc.integer({ min: -10_000, max: 20_000 }),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** The rules again, in the plainest words: a place is lost for good once a claim has found it lapsed. */
async function replay(open: OpenStore, steps: readonly Step[]): Promise<void> {
  await using store = await open()
  const live = new Map<string, Reservation>()
  let now = T0
  for (const { verb, name, engine, holder, max, ms } of steps) {
    if (verb === 'wait') now += ms
    const on = (containerId: string) =>
      [...live.values()].filter((one) => one.containerId === containerId && one.expiresAt > now)
    if (verb === 'release') {
      await store.release(FLEET, name)
      live.delete(name)
    } else if (verb === 'reserve') {
      for (const [key, one] of live) if (one.expiresAt <= now) live.delete(key)
      const wanted = session(name, { containerId: engine, holder, expiresAt: now + TTL })
      const mine = live.get(name)
      const isRenewal = mine?.holder === holder && mine.containerId === engine
      const isTaken = mine !== undefined && mine.holder !== holder
      const grants = isRenewal || (!isTaken && on(engine).length < max)
      expect(await store.reserve(FLEET, wanted, max, now)).toBe(grants ? 'reserved' : 'full')
      if (grants) live.set(name, wanted)
    }
    const { streams } = await store.readFleet(FLEET, now)
    for (const containerId of [id('a'), id('b')]) {
      const load = streams.get(containerId)
      expect((load?.active ?? 0) + (load?.pending ?? 0)).toBe(on(containerId).length)
    }
  }
}
