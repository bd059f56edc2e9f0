import { expect, it } from 'vitest'
import { LeaseServersAway } from '../../../src/lease/servers.ts'
import { eventually, LONG_MS, type OpenLeaseServers, SHORT_MS } from './bench.ts'

/** Unix ms, as real epochs are: they do not fit 32 bits. */
const EPOCH = Date.UTC(2026, 0, 1)

/** What is remembered of epochs with all servers in order. */
export function describeEpochs(count: number, open: OpenLeaseServers): void {
  it('remembers the largest epoch of each fleet, exactly (I6)', async () => {
    await using bench = await open(count)
    const [a, b] = [await bench.client(), await bench.client()]
    expect(await a.readEpoch('home')).toBe(0)
    expect(await a.raiseEpoch('home', EPOCH)).toBe(true)
    expect(await b.readEpoch('home')).toBe(EPOCH)
    expect(await b.readEpoch('away')).toBe(0)
    expect(await b.raiseEpoch('home', EPOCH + 1)).toBe(true)
    expect(await a.readEpoch('home')).toBe(EPOCH + 1)
    expect(await a.raiseEpoch('home', Number.MAX_SAFE_INTEGER)).toBe(true)
    expect(await a.readEpoch('home')).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('takes each epoch once, and none below (I6)', async () => {
    await using bench = await open(count)
    const [a, b] = [await bench.client(), await bench.client()]
    expect(await a.raiseEpoch('home', EPOCH)).toBe(true)
    expect(await a.raiseEpoch('home', EPOCH)).toBe(false)
    expect(await b.raiseEpoch('home', EPOCH)).toBe(false)
    expect(await b.raiseEpoch('home', EPOCH - 1)).toBe(false)
    // As numbers, not as texts.
    expect(await b.raiseEpoch('home', 9)).toBe(false)
    expect(await a.readEpoch('home')).toBe(EPOCH)
  })

  it('takes an epoch from one alone of those who ask at once (I6)', async () => {
    await using bench = await open(count)
    const clients = await Promise.all(Array.from({ length: 4 }, () => bench.client()))
    for (let epoch = EPOCH; epoch < EPOCH + 5; epoch++) {
      const answers = await Promise.all(clients.map((each) => each.raiseEpoch('home', epoch)))
      expect(answers.filter((isTaken) => isTaken).length).toBeLessThanOrEqual(1)
    }
  })

  it('remembers epochs for longer than leases', async () => {
    await using bench = await open(count)
    const a = await bench.client()
    const grant = await a.acquire('home', SHORT_MS)
    await a.raiseEpoch('home', EPOCH)
    await grant?.release()
    await bench.pass(SHORT_MS + 200)
    expect(await a.readEpoch('home')).toBe(EPOCH)
    expect(await a.acquire('home', LONG_MS)).toBeDefined()
  })
}

/** What holds while some of the servers are away. */
export function describeEpochMajority(open: OpenLeaseServers): void {
  it('tells what a majority took, whichever majority is asked (I6)', async () => {
    await using bench = await open(3)
    const a = await bench.client()
    for (let away = 0; away < 3; away++) {
      await bench.freeze(away)
      expect(await a.raiseEpoch('home', EPOCH + away)).toBe(true)
      await bench.thaw(away)
      const other = (away + 1) % 3
      await bench.freeze(other)
      expect(await eventually(bench, () => a.readEpoch('home'))).toBe(EPOCH + away)
      await bench.thaw(other)
    }
  })

  it('never takes the same epoch by two majorities (I6)', async () => {
    await using bench = await open(3)
    const [a, b] = [await bench.client(), await bench.client()]
    await bench.freeze(2)
    expect(await a.raiseEpoch('home', EPOCH)).toBe(true)
    await bench.freeze(0)
    await bench.thaw(2)
    const again = await b.raiseEpoch('home', EPOCH).catch(() => false)
    expect(again).toBe(false)
  })

  it('has no answer with 2 of 3 away (I6)', async () => {
    await using bench = await open(3)
    const a = await bench.client()
    expect(await a.raiseEpoch('home', EPOCH)).toBe(true)
    await bench.freeze(0)
    await bench.kill(1)
    await expect(a.readEpoch('home')).rejects.toThrow(LeaseServersAway)
    await expect(a.raiseEpoch('home', EPOCH + 1)).rejects.toThrow(LeaseServersAway)
  })

  it('takes an epoch that only a minority knows to be too small', async () => {
    await using bench = await open(3)
    const a = await bench.client()
    await bench.freeze(1)
    await bench.freeze(2)
    // One server takes it; the frozen ones get it as well, when they go on, unless it is recalled.
    await expect(a.raiseEpoch('home', EPOCH)).rejects.toThrow(LeaseServersAway)
    await bench.thaw(1)
    await bench.thaw(2)
    const taken = await eventually(bench, async () => {
      const floor = await a.readEpoch('home')
      return (await a.raiseEpoch('home', floor + 1)) ? floor + 1 : undefined
    })
    expect(await a.readEpoch('home')).toBe(taken)
  })

  it('outlives the death of a minority (I6)', async () => {
    await using bench = await open(3)
    const a = await bench.client()
    expect(await a.raiseEpoch('home', EPOCH)).toBe(true)
    await bench.kill(0)
    expect(await a.readEpoch('home')).toBe(EPOCH)
    expect(await a.raiseEpoch('home', EPOCH)).toBe(false)
    expect(await a.raiseEpoch('home', EPOCH + 1)).toBe(true)
  })
}
