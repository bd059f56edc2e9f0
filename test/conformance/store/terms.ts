import { expect, it } from 'vitest'
import type { Epoch } from '../../../src/lease/lease.ts'
import { StaleEpoch } from '../../../src/store/errors.ts'
import type { Store } from '../../../src/store/store.ts'
import { draining, FLEET, fleetStatus, id, leadFrom, type OpenStore, T0 } from './sample.ts'

/** Every write that takes an epoch. */
const FENCED: Readonly<Record<string, (store: Store, epoch: Epoch) => Promise<unknown>>> = {
  mark: (store, epoch) => store.mark(FLEET, draining(epoch)),
  noteReady: (store, epoch) => store.noteReady(FLEET, epoch, id('b'), T0),
  forget: (store, epoch) => store.forget(FLEET, epoch, id('c')),
  setBackoff: (store, epoch) => store.setBackoff(FLEET, epoch, '0', undefined),
  setNodeNote: (store, epoch) => store.setNodeNote(FLEET, epoch, 'gluetun-a', undefined),
  setRollout: (store, epoch) =>
    store.setRollout(FLEET, epoch, {
      specHash: 'h',
      failedStarts: 1,
      lastFailure: 'x',
      lastFailureAt: T0,
    }),
  endRequest: (store, epoch) => store.endRequest(FLEET, epoch, { kind: 'delete' }),
  publish: (store, epoch) => store.publish(FLEET, epoch, fleetStatus(epoch), []),
  dropFleet: (store, epoch) => store.dropFleet(FLEET, epoch),
}

/** I6: epochs only grow, and an older one writes no more. */
export function describeTerms(open: OpenStore): void {
  it('opens every term above the one before, though time stands still or goes back (I6)', async () => {
    await using bench = await open()
    const { store } = bench
    const first = await leadFrom(store, T0)
    const second = await leadFrom(store, T0)
    const third = await leadFrom(store, T0 - 3_600_000)
    expect(first).toBe(T0)
    expect(second).toBeGreaterThan(first)
    expect(third).toBeGreaterThan(second)
  })

  it('opens a term above the largest label, when the store knows less than the containers (I6)', async () => {
    await using bench = await open()
    const { store } = bench
    expect(await store.openTerm(FLEET, 'host:1', T0 + 50, T0)).toBe(T0 + 51)
  })

  it('gives concurrent campaigns different epochs (I6)', async () => {
    await using bench = await open()
    const { store } = bench
    const epochs = await Promise.all(Array.from({ length: 20 }, () => leadFrom(store)))
    expect(new Set(epochs).size).toBe(20)
  })

  it('refuses a label that is no epoch, and leads on from the last good one', async () => {
    await using bench = await open()
    const { store } = bench
    await expect(store.openTerm(FLEET, 'host:1', Number.NaN, T0)).rejects.toThrow(RangeError)
    await expect(store.openTerm(FLEET, 'host:1', Number.MAX_SAFE_INTEGER, T0)).rejects.toThrow(
      RangeError,
    )
    expect(await leadFrom(store)).toBe(T0)
  })

  for (const [method, write] of Object.entries(FENCED)) {
    it(`refuses ${method} by a term that is over, and changes nothing (I6, I7)`, async () => {
      await using bench = await open()
      const { store } = bench
      const old = await leadFrom(store)
      await store.mark(FLEET, draining(old, { containerId: id('c') }))
      await leadFrom(store)
      const before = await store.readFleet(FLEET, T0)
      await expect(write(store, old)).rejects.toThrow(StaleEpoch)
      expect(await store.readFleet(FLEET, T0)).toEqual(before)
      expect(await store.statuses()).toEqual([])
    })
  }

  it('takes a write under a higher epoch than it has opened, and refuses all below from then on (I6)', async () => {
    await using bench = await open()
    const { store } = bench
    const behind = await leadFrom(store)
    const ahead = (behind + 5) as Epoch
    await store.noteReady(FLEET, ahead, id('a'), T0)
    await expect(store.noteReady(FLEET, behind, id('b'), T0)).rejects.toThrow(StaleEpoch)
    expect(await leadFrom(store)).toBeGreaterThan(ahead)
  })

  it('fences each fleet by its own epoch', async () => {
    await using bench = await open()
    const { store } = bench
    const home = await leadFrom(store)
    await store.openTerm('away', 'host:2', 0, T0 + 1000)
    await store.noteReady(FLEET, home, id('a'), T0)
    expect((await store.readFleet(FLEET, T0)).engines.size).toBe(1)
  })
}
