import { expect, it } from 'vitest'
import { RESERVATION_TTL_MS } from '../../../src/store/store.ts'
import { reserveFor } from './reserve-for.ts'
import { draining, FLEET, id, leadFrom, type OpenStore } from './sample.ts'

/** A store that was born less than one reservation lifetime ago may have forgotten sessions that still run (I3, I5). */
export function describeYouth(open: OpenStore): void {
  it('refuses new claims, takes up to maxStreams that are asserted, and takes claims when it is older (I3)', async () => {
    await using bench = await open()
    const maxStreams = 2
    const claim = { maxStreams, state: 'pending' } as const
    expect(await reserveFor(bench, 'new', claim)).toBe('unsettled')
    expect(await reserveFor(bench, 'one', { maxStreams })).toBe('reserved')
    expect(await reserveFor(bench, 'two', { maxStreams })).toBe('reserved')
    expect(await reserveFor(bench, 'three', { maxStreams })).toBe('full')
    expect(await reserveFor(bench, 'new', claim)).toBe('unsettled')
    await bench.store.release(FLEET, 'one', bench.now())
    await bench.pass(RESERVATION_TTL_MS)
    expect(await reserveFor(bench, 'two', { maxStreams })).toBe('reserved')
    expect(await reserveFor(bench, 'new', claim)).toBe('reserved')
    expect(await reserveFor(bench, 'newer', claim)).toBe('full')
  })

  it('takes up sessions on an engine that was marked draining before they were asserted (I5)', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    const [drains, stops, failed] = [id('a'), id('b'), id('c')]
    await store.mark(FLEET, draining(epoch, { containerId: drains }))
    await store.mark(FLEET, draining(epoch, { containerId: stops, stopAt: bench.now() }))
    await store.mark(FLEET, draining(epoch, { containerId: failed, kind: 'failed' }))
    expect(await reserveFor(bench, 'r', { containerId: drains })).toBe('reserved')
    expect(await reserveFor(bench, 's', { containerId: stops })).toBe('marked')
    expect(await reserveFor(bench, 't', { containerId: failed })).toBe('marked')
    expect(await reserveFor(bench, 'u', { containerId: drains, state: 'pending' })).toBe('marked')
  })
}
