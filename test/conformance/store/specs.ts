import { expect, it } from 'vitest'
import { acceptedSpec, FLEET, type OpenStore } from './sample.ts'

/** Accepted specs: generations by compare-and-set. */
export function describeAcceptedSpecs(open: OpenStore): void {
  it('accepts only the generation that follows the highest one', async () => {
    await using bench = await open()
    const { store } = bench
    expect(await store.acceptSpec(acceptedSpec(1))).toBe(true)
    expect(await store.acceptSpec(acceptedSpec(1, { hash: 'other' }))).toBe(false)
    expect(await store.acceptSpec(acceptedSpec(3))).toBe(false)
    expect(await store.acceptSpec(acceptedSpec(2))).toBe(true)
    expect(await store.acceptedSpecs()).toEqual([acceptedSpec(2)])
  })

  it('takes any generation where it remembers none: whoever ran it brings it back under its own number', async () => {
    await using bench = await open()
    const { store } = bench
    expect(await store.acceptSpec(acceptedSpec(7))).toBe(true)
    expect(await store.acceptSpec(acceptedSpec(7, { hash: 'other' }))).toBe(false)
    expect(await store.acceptSpec(acceptedSpec(9))).toBe(false)
    expect(await store.acceptSpec(acceptedSpec(1))).toBe(false)
    expect(await store.acceptSpec(acceptedSpec(8))).toBe(true)
    expect(await store.acceptSpec(acceptedSpec(3, { fleet: 'away' }))).toBe(true)
    expect(await store.acceptedSpecs()).toEqual([
      acceptedSpec(3, { fleet: 'away' }),
      acceptedSpec(8),
    ])
    expect(await store.generationsOf(FLEET, 'hash-7')).toEqual([7])
  })

  it('lets one of several concurrent writers of a generation win', async () => {
    await using bench = await open()
    const { store } = bench
    const won = await Promise.all(
      ['x', 'y', 'z'].map((hash) => store.acceptSpec(acceptedSpec(1, { hash }))),
    )
    expect(won.filter(Boolean)).toHaveLength(1)
  })

  it('answers the highest generation of every fleet', async () => {
    await using bench = await open()
    const { store } = bench
    await store.acceptSpec(acceptedSpec(1))
    await store.acceptSpec(acceptedSpec(2))
    await store.acceptSpec(acceptedSpec(1, { fleet: 'away' }))
    expect(await store.acceptedSpecs()).toEqual([
      acceptedSpec(1, { fleet: 'away' }),
      acceptedSpec(2),
    ])
  })

  it('knows the earlier generations of a hash, newest first', async () => {
    await using bench = await open()
    const { store } = bench
    for (const [index, hash] of ['x', 'y', 'x', 'z'].entries()) {
      await store.acceptSpec(acceptedSpec(index + 1, { hash }))
    }
    expect(await store.generationsOf(FLEET, 'x')).toEqual([3, 1])
    expect(await store.generationsOf(FLEET, 'w')).toEqual([])
    expect(await store.generationsOf('away', 'x')).toEqual([])
  })

  it('keeps the last 50 generations, and goes on counting', async () => {
    await using bench = await open()
    const { store } = bench
    for (let generation = 1; generation <= 60; generation++) {
      expect(await store.acceptSpec(acceptedSpec(generation, { hash: 'same' }))).toBe(true)
    }
    const kept = await store.generationsOf(FLEET, 'same')
    expect(kept).toHaveLength(50)
    expect(kept[0]).toBe(60)
    expect(await store.acceptedSpecs()).toEqual([acceptedSpec(60, { hash: 'same' })])
  })
}
