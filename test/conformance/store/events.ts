import { expect, it } from 'vitest'
import { event, FLEET, id, leadFrom, type OpenStore, T0 } from './sample.ts'

const MINUTE = 60_000

/** Events: numbered, folded, bounded. */
export function describeEvents(open: OpenStore): void {
  it('gives events back whole, oldest first, under growing numbers', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    const full = event({ vpn: 'gluetun-a', containerId: id('a'), epoch, reconcileId: 'r-1' })
    await store.appendEvents([event({ message: 'first', slot: undefined }), full])
    const [first, second] = await store.events({})
    expect(first).toEqual({
      ...event({ message: 'first', slot: undefined }),
      sequence: expect.any(Number),
      firstAt: T0,
      count: 1,
    })
    expect(second).toEqual({ ...full, sequence: expect.any(Number), firstAt: T0, count: 1 })
    expect(second?.sequence).toBeGreaterThan(first?.sequence ?? Number.POSITIVE_INFINITY)
  })

  it('folds repeats within ten minutes into one, with a count, a new number and the latest details', async () => {
    await using bench = await open()
    const { store } = bench
    await store.appendEvents([event(), event({ slot: '1' })])
    const before = await store.events({})
    await store.appendEvents([event({ at: T0 + 9 * MINUTE, reconcileId: 'r-2' })])
    await store.appendEvents([event({ at: T0 + 18 * MINUTE, reconcileId: 'r-3' })])
    const after = await store.events({})
    expect(after.map(({ slot, count }) => [slot, count])).toEqual([
      ['1', 1],
      ['0', 3],
    ])
    expect(after[1]).toMatchObject({ firstAt: T0, at: T0 + 18 * MINUTE, reconcileId: 'r-3' })
    expect(after[1]?.sequence).toBeGreaterThan(before[1]?.sequence ?? Number.POSITIVE_INFINITY)
  })

  it('folds repeats that arrive in one call', async () => {
    await using bench = await open()
    const { store } = bench
    await store.appendEvents([event(), event(), event()])
    expect((await store.events({})).map(({ count }) => count)).toEqual([3])
  })

  it('keeps apart what differs in fleet, slot, reason or message, or lies more than ten minutes apart', async () => {
    await using bench = await open()
    const { store } = bench
    await store.appendEvents([
      event(),
      event({ fleet: 'away' }),
      event({ slot: '1' }),
      event({ slot: undefined }),
      event({ reason: 'EngineUnready' }),
      event({ message: 'other' }),
      event({ at: T0 + 11 * MINUTE }),
    ])
    expect((await store.events({})).map(({ count }) => count)).toEqual(Array(7).fill(1))
  })

  it('answers the newest so many, of one fleet, after a number', async () => {
    await using bench = await open()
    const { store } = bench
    const numbers = Array.from({ length: 250 }, (_, n) => n)
    await store.appendEvents(numbers.map((n) => event({ message: `m${n}` })))
    await store.appendEvents([event({ fleet: 'away' })])
    const all = await store.events({ fleet: FLEET, limit: 1000 })
    expect(all.map(({ message }) => message)).toEqual(numbers.map((n) => `m${n}`))
    expect(await store.events({ fleet: FLEET })).toEqual(all.slice(-200))
    expect(await store.events({ fleet: FLEET, limit: 3 })).toEqual(all.slice(-3))
    expect(await store.events({ fleet: FLEET, after: all[247]?.sequence })).toEqual(all.slice(248))
    expect(await store.events({ after: all[249]?.sequence })).toHaveLength(1)
    expect(await store.events({ limit: 0 })).toEqual([])
    expect(await store.events({ limit: -1 })).toEqual([])
  })

  it('keeps a bounded number, and never uses a number twice', async () => {
    await using bench = await open()
    const { store } = bench
    const batch = (from: number) =>
      Array.from({ length: 3000 }, (_, n) => event({ message: `m${from + n}` }))
    await store.appendEvents(batch(0))
    await store.appendEvents(batch(3000))
    const kept = await store.events({ limit: 100_000 })
    expect(kept.length).toBeLessThanOrEqual(5000)
    expect(kept.length).toBeGreaterThanOrEqual(1000)
    expect(kept.at(-1)?.message).toBe('m5999')
    const last = kept.at(-1)?.sequence ?? 0
    await store.appendEvents([event({ message: 'm5999' })])
    expect((await store.events({ limit: 1 }))[0]).toMatchObject({ count: 2, message: 'm5999' })
    expect((await store.events({ limit: 1 }))[0]?.sequence).toBeGreaterThan(last)
  })

  it('takes an empty list', async () => {
    await using bench = await open()
    const { store } = bench
    await store.appendEvents([])
    expect(await store.events({})).toEqual([])
  })
}
