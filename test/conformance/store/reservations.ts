import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RESERVATION_TTL_MS } from '../../../src/store/store.ts'
import { anySteps, replaySessions } from './replay.ts'
import { reserveFor } from './reserve-for.ts'
import {
  draining,
  FLEET,
  id,
  leadFrom,
  type OpenStore,
  type StoreBench,
  session,
} from './sample.ts'
import { describeYouth } from './youth.ts'

/** A life short enough to be waited for. */
const SHORT_MS = 300
const PAST_SHORT_MS = SHORT_MS + 50

async function loadOf({ store, now }: StoreBench, engine = id('a')) {
  return (await store.readFleet(FLEET, now())).streams.get(engine)
}

/** I3 and the claims' half of I7. */
export function describeReservations(open: OpenStore): void {
  // First, for it waits while the settled stores of other tests come of age.
  describe('in a young store', () => describeYouth(open))
  describeRoom(open)
  describeLapsing(open)
  describeMarked(open)
}

function describeRoom(open: OpenStore): void {
  it('reserves up to maxStreams under concurrent calls, and not one more (I3)', async () => {
    await using bench = await open()
    const names = Array.from({ length: 20 }, (_, n) => `s${n}`)
    const answers = await Promise.all(
      names.map((name) => reserveFor(bench, name, { maxStreams: 3 })),
    )
    expect(answers.filter((answer) => answer === 'reserved')).toHaveLength(3)
    expect(answers.filter((answer) => answer === 'full')).toHaveLength(17)
    expect(await loadOf(bench)).toMatchObject({ active: 3 })
  })

  it('counts active and pending, and remembers when bytes flowed last', async () => {
    await using bench = await open('settled')
    const t = bench.now()
    const maxStreams = 3
    await reserveFor(bench, 'p', { maxStreams, state: 'pending', lastBytesAt: 0 })
    await reserveFor(bench, 'q', { maxStreams, lastBytesAt: t - 5 })
    await reserveFor(bench, 'r', { maxStreams, lastBytesAt: t - 6.25 })
    await reserveFor(bench, 'x', { containerId: id('b'), lastBytesAt: 0 })
    expect(await loadOf(bench)).toEqual({ active: 2, pending: 1, lastBytesAt: t - 5 })
    expect(await loadOf(bench, id('b'))).toEqual({ active: 1, pending: 0, lastBytesAt: 0 })
    await bench.store.release(FLEET, 'q', bench.now())
    expect(await loadOf(bench)).toEqual({ active: 1, pending: 1, lastBytesAt: t - 5 })
  })

  it('adds up what the active sessions of an engine tell, as of their last renewal', async () => {
    await using bench = await open('settled')
    const maxStreams = 4
    const stat = (peers: number) => ({ peers, downBytesPerS: 1_000.5, upBytesPerS: 100 })
    await reserveFor(bench, 'p', { maxStreams, state: 'pending', stat: stat(99) })
    await reserveFor(bench, 'q', { maxStreams, stat: stat(1) })
    await reserveFor(bench, 'r', { maxStreams })
    await reserveFor(bench, 's', { maxStreams, stat: stat(20) })
    await reserveFor(bench, 'q', { maxStreams, stat: stat(3) })
    const both = { sessions: 2, peers: 23, downBytesPerS: 2_001, upBytesPerS: 200 }
    expect(await loadOf(bench)).toMatchObject({ active: 3, pending: 1, stat: both })
    await reserveFor(bench, 's', { maxStreams })
    const left = { sessions: 1, peers: 3, downBytesPerS: 1_000.5, upBytesPerS: 100 }
    expect((await loadOf(bench))?.stat).toEqual(left)
    await bench.store.release(FLEET, 'q', bench.now())
    expect((await loadOf(bench))?.stat).toBeUndefined()
  })

  it('tells nothing of a session that lapsed', async () => {
    await using bench = await open()
    const stat = { peers: 1, downBytesPerS: 2, upBytesPerS: 3 }
    await reserveFor(bench, 'r', { lifeMs: SHORT_MS, stat })
    expect((await loadOf(bench))?.stat).toEqual({ sessions: 1, ...stat })
    await bench.pass(PAST_SHORT_MS)
    expect((await loadOf(bench))?.stat).toBeUndefined()
  })

  it('lists what the holder and the engine told of a session with its last renewal', async () => {
    await using bench = await open('settled')
    const stat = { peers: 7, downBytesPerS: 1_000, upBytesPerS: 1.5 }
    const early = { viewers: 1, startedAt: bench.now(), bufferedMs: 0, skippedBytes: 0 }
    const late = { ...early, viewers: 3, bitsPerS: 8_000_000, bufferedMs: 1_999.5, skippedBytes: 9 }
    await reserveFor(bench, 'q', { maxStreams: 2, figures: early })
    await reserveFor(bench, 'q', { maxStreams: 2, figures: late, stat })
    await reserveFor(bench, 'r', { maxStreams: 2 })
    const told = async () => {
      const sessions = await bench.store.sessions(FLEET, bench.now())
      return sessions.map((each) => [each.id, each.figures, each.stat])
    }
    expect(await told()).toEqual([
      ['q', late, stat],
      ['r', undefined, undefined],
    ])
    await bench.store.identify(FLEET, 'q', 'content-q', 'infohash:q')
    expect((await told())[0]).toEqual(['q', late, stat])
    await reserveFor(bench, 'q', { maxStreams: 2, content: 'infohash:q' })
    expect((await told())[0]).toEqual(['q', undefined, undefined])
  })

  it('takes no figures that cannot be', async () => {
    await using bench = await open()
    for (const viewers of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const figures = { viewers, startedAt: 1, bufferedMs: 0, skippedBytes: 0 }
      await expect(reserveFor(bench, 'r', { figures })).rejects.toThrow(RangeError)
    }
    expect(await loadOf(bench)).toBeUndefined()
  })

  it('takes no statistics that cannot be', async () => {
    await using bench = await open()
    for (const peers of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const stat = { peers, downBytesPerS: 0, upBytesPerS: 0 }
      await expect(reserveFor(bench, 'r', { stat })).rejects.toThrow(RangeError)
    }
    expect(await loadOf(bench)).toBeUndefined()
  })

  it('gives a place free by release, twice if need be (I3)', async () => {
    await using bench = await open()
    await reserveFor(bench, 'r')
    expect(await reserveFor(bench, 's')).toBe('full')
    await bench.store.release(FLEET, 'r', bench.now())
    await bench.store.release(FLEET, 'r', bench.now())
    expect(await reserveFor(bench, 's')).toBe('reserved')
    expect(await reserveFor(bench, 'r')).toBe('full')
  })

  it('refuses an id that another holder has', async () => {
    await using bench = await open()
    await reserveFor(bench, 'r', { maxStreams: 2 })
    expect(await reserveFor(bench, 'r', { maxStreams: 2, holder: 'gateway-2' })).toBe('full')
  })

  it('keeps fleets apart', async () => {
    await using bench = await open()
    const nowMs = bench.now()
    const other = session('r', { expiresAt: nowMs + RESERVATION_TTL_MS, holder: 'gateway-2' })
    await reserveFor(bench, 'r')
    expect(await bench.store.reserve('away', other, 1, nowMs)).toBe('reserved')
    await bench.store.release('away', 'r', bench.now())
    expect(await loadOf(bench)).toMatchObject({ active: 1 })
  })

  it('moves a reservation to another engine only when that one has room (I3)', async () => {
    await using bench = await open()
    await reserveFor(bench, 'r')
    await reserveFor(bench, 's', { containerId: id('b') })
    expect(await reserveFor(bench, 'r', { containerId: id('b') })).toBe('full')
    expect(await reserveFor(bench, 'r', { containerId: id('c') })).toBe('reserved')
    expect(await loadOf(bench)).toMatchObject({ active: 0, pending: 0 })
    expect(await loadOf(bench, id('c'))).toMatchObject({ active: 1 })
    expect(await reserveFor(bench, 't')).toBe('reserved')
  })

  it('never exceeds maxStreams, and loses nobody, in any order of calls (I3)', async () => {
    await using bench = await open()
    let run = 0
    await fc.assert(
      fc.asyncProperty(anySteps(['reserve', 'reserve', 'reserve', 'release']), (steps) =>
        replaySessions(bench, `fleet-${++run}`, steps),
      ),
      { numRuns: 60 },
    )
  })
}

function describeLapsing(open: OpenStore): void {
  it('renews for the same holder on a full engine, and changes its state and its expiry', async () => {
    await using bench = await open('settled')
    await reserveFor(bench, 'r', { state: 'pending', lifeMs: SHORT_MS })
    expect(await reserveFor(bench, 'r')).toBe('reserved')
    await bench.pass(PAST_SHORT_MS)
    expect(await loadOf(bench)).toMatchObject({ active: 1, pending: 0 })
  })

  it('gives a place free by expiry, and not before (I3)', async () => {
    await using bench = await open()
    await reserveFor(bench, 'r')
    expect(await reserveFor(bench, 's')).toBe('full')
    await reserveFor(bench, 'r', { lifeMs: SHORT_MS })
    await bench.pass(PAST_SHORT_MS)
    expect(await loadOf(bench)).toMatchObject({ active: 0, pending: 0 })
    expect(await reserveFor(bench, 's')).toBe('reserved')
  })

  it('takes a lapsed reservation up again only while there is room (I3)', async () => {
    await using bench = await open()
    await reserveFor(bench, 'r', { lifeMs: SHORT_MS })
    await bench.pass(PAST_SHORT_MS)
    expect(await reserveFor(bench, 'r', { lifeMs: SHORT_MS })).toBe('reserved')
    await bench.pass(PAST_SHORT_MS)
    await reserveFor(bench, 's')
    expect(await reserveFor(bench, 'r')).toBe('full')
    expect(await loadOf(bench)).toMatchObject({ active: 1 })
  })

  it('lets a lapsed id be taken by another holder, on another engine', async () => {
    await using bench = await open()
    await reserveFor(bench, 'r', { lifeMs: SHORT_MS })
    await bench.pass(PAST_SHORT_MS)
    const other = { holder: 'gateway-2', containerId: id('b') }
    expect(await reserveFor(bench, 'r', other)).toBe('reserved')
    expect(await loadOf(bench)).toMatchObject({ active: 0 })
    expect(await reserveFor(bench, 'r')).toBe('full')
  })
}

function describeMarked(open: OpenStore): void {
  for (const kind of ['draining', 'failed'] as const) {
    it(`refuses a new session on a ${kind} engine (I7)`, async () => {
      await using bench = await open('settled')
      const epoch = await leadFrom(bench.store)
      await bench.store.mark(FLEET, draining(epoch, { kind }))
      expect(await reserveFor(bench, 'r')).toBe('marked')
      expect(await reserveFor(bench, 'r', { state: 'pending' })).toBe('marked')
      expect(await reserveFor(bench, 's', { containerId: id('b') })).toBe('reserved')
      expect(await reserveFor(bench, 's')).toBe('marked')
    })
  }

  it('lets sessions on a draining engine be renewed, so that it does not seem idle (I5)', async () => {
    await using bench = await open('settled')
    await reserveFor(bench, 'r')
    await bench.store.mark(FLEET, draining(await leadFrom(bench.store)))
    expect(await reserveFor(bench, 'r', { lifeMs: SHORT_MS })).toBe('reserved')
    await bench.pass(PAST_SHORT_MS)
    expect(await reserveFor(bench, 'r')).toBe('reserved')
  })

  it('takes nothing lapsed up again once a stop is decided or the engine failed', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    for (const containerId of [id('a'), id('b')]) {
      await reserveFor(bench, containerId, { containerId, lifeMs: SHORT_MS })
    }
    await store.mark(FLEET, draining(epoch, { stopAt: bench.now() }))
    await store.mark(FLEET, draining(epoch, { containerId: id('b'), kind: 'failed' }))
    await bench.pass(PAST_SHORT_MS)
    expect(await reserveFor(bench, id('a'))).toBe('marked')
    expect(await reserveFor(bench, id('b'), { containerId: id('b') })).toBe('marked')
  })

  it('renews on a failed engine what has not lapsed: its streams are cut by its end, not by the store', async () => {
    await using bench = await open()
    await reserveFor(bench, 'r')
    const epoch = await leadFrom(bench.store)
    await bench.store.mark(FLEET, draining(epoch, { kind: 'failed', stopAt: bench.now() }))
    expect(await reserveFor(bench, 'r')).toBe('reserved')
  })
}
