import { expect, it } from 'vitest'
import { type Grant, LeaseServersAway } from '../../../src/lease/servers.ts'
import { eventually, LONG_MS, type OpenLeaseServers, SHORT_MS } from './bench.ts'

async function granted(asked: Promise<Grant | undefined>): Promise<Grant> {
  const grant = await asked
  if (grant === undefined) throw new Error('somebody else holds the lease')
  return grant
}

/** Who may have a lease, and for how long, with all servers in order. */
export function describeLeases(count: number, open: OpenLeaseServers): void {
  it('gives a lease to one alone, and each fleet its own (I7)', async () => {
    await using bench = await open(count)
    const [a, b] = [await bench.client(), await bench.client()]
    await granted(a.acquire('home', LONG_MS))
    expect(await b.acquire('home', LONG_MS)).toBeUndefined()
    expect(await a.acquire('home', LONG_MS)).toBeUndefined()
    await granted(b.acquire('away', LONG_MS))
  })

  it('gives it to at most one of many who ask at once (I7)', async () => {
    await using bench = await open(count)
    const clients = await Promise.all(Array.from({ length: 4 }, () => bench.client()))
    for (const fleet of ['a', 'b', 'c', 'd']) {
      const answers = await Promise.allSettled(clients.map((each) => each.acquire(fleet, LONG_MS)))
      const won = answers.filter((each) => each.status === 'fulfilled' && each.value !== undefined)
      expect(won.length).toBeLessThanOrEqual(1)
    }
  })

  it('gives it to the next as soon as it is given back', async () => {
    await using bench = await open(count)
    const [a, b] = [await bench.client(), await bench.client()]
    const first = await granted(a.acquire('home', LONG_MS))
    await first.release()
    const second = await granted(b.acquire('home', LONG_MS))
    await second.release()
    await granted(a.acquire('home', LONG_MS))
  })

  it('keeps it as long as it is extended', async () => {
    await using bench = await open(count)
    const [a, b] = [await bench.client(), await bench.client()]
    const grant = await granted(a.acquire('home', SHORT_MS))
    expect(await grant.extend(LONG_MS)).toBe('extended')
    await bench.pass(SHORT_MS + 200)
    expect(await b.acquire('home', LONG_MS)).toBeUndefined()
    expect(await grant.extend(LONG_MS)).toBe('extended')
  })

  it('gives it to the next when it lapses, and tells its holder that it is lost (I7)', async () => {
    await using bench = await open(count)
    const [a, b] = [await bench.client(), await bench.client()]
    const grant = await granted(a.acquire('home', SHORT_MS))
    await bench.pass(SHORT_MS + 200)
    const next = await granted(b.acquire('home', LONG_MS))
    expect(await grant.extend(LONG_MS)).toBe('lost')
    expect(await next.extend(LONG_MS)).toBe('extended')
  })

  it('does not bring back a lease that lapsed, though nobody has taken it since (I7)', async () => {
    await using bench = await open(count)
    const [a, b] = [await bench.client(), await bench.client()]
    const grant = await granted(a.acquire('home', SHORT_MS))
    await bench.pass(SHORT_MS + 200)
    expect(await grant.extend(LONG_MS)).toBe('lost')
    await granted(b.acquire('home', LONG_MS))
  })

  it('takes back nothing but what was given: a late release leaves the next holder alone', async () => {
    await using bench = await open(count)
    const [a, b] = [await bench.client(), await bench.client()]
    const late = await granted(a.acquire('home', SHORT_MS))
    await bench.pass(SHORT_MS + 200)
    const next = await granted(b.acquire('home', LONG_MS))
    await late.release()
    await late.release()
    expect(await next.extend(LONG_MS)).toBe('extended')
    expect(await a.acquire('home', LONG_MS)).toBeUndefined()
  })

  it('extends nothing that was given back', async () => {
    await using bench = await open(count)
    const [a, b] = [await bench.client(), await bench.client()]
    const grant = await granted(a.acquire('home', LONG_MS))
    await grant.release()
    expect(await grant.extend(LONG_MS)).toBe('lost')
    await granted(b.acquire('home', LONG_MS))
  })

  it('tells its holder that it is lost when a majority has forgotten it', async () => {
    await using bench = await open(count)
    const grant = await granted((await bench.client()).acquire('home', LONG_MS))
    const majority = Math.floor(count / 2) + 1
    for (let server = 0; server < majority; server++) {
      expect(await grant.extend(LONG_MS)).toBe('extended')
      await bench.flush(server)
    }
    expect(await grant.extend(LONG_MS)).toBe('lost')
  })
}

/** What holds while some of the servers are away. */
export function describeLeaseMajority(open: OpenLeaseServers): void {
  it('goes on with 1 of 3 dead, and with 1 of 3 frozen', async () => {
    await using bench = await open(3)
    const [a, b] = [await bench.client(), await bench.client()]
    const before = await granted(a.acquire('home', LONG_MS))
    await bench.kill(1)
    expect(await before.extend(LONG_MS)).toBe('extended')
    expect(await b.acquire('home', LONG_MS)).toBeUndefined()
    await before.release()
    const after = await granted(b.acquire('home', LONG_MS))
    expect(await after.extend(LONG_MS)).toBe('extended')
    await after.release()
    await bench.start(1)
    await bench.freeze(2)
    // Whoever saw server 1 before does not trust it yet; server 2 says nothing.
    const c = await eventually(bench, () => bench.client())
    const frozen = await granted(c.acquire('home', LONG_MS))
    expect(await frozen.extend(LONG_MS)).toBe('extended')
    expect(await a.acquire('home', LONG_MS).catch(() => undefined)).toBeUndefined()
    await frozen.release()
  })

  it.each(['kill', 'freeze'] as const)(
    'grants, extends and promises nothing with 2 of 3 away: %s (I7)',
    async (how) => {
      await using bench = await open(3)
      const [a, b] = [await bench.client(), await bench.client()]
      const grant = await granted(a.acquire('home', LONG_MS))
      await bench[how](0)
      await bench[how](2)
      await expect(grant.extend(LONG_MS)).rejects.toThrow(LeaseServersAway)
      await expect(b.acquire('home', LONG_MS)).rejects.toThrow(LeaseServersAway)
      await expect(b.acquire('other', LONG_MS)).rejects.toThrow(LeaseServersAway)
      await grant.release()
    },
  )

  it('leaves nothing behind where it was granted by too few', async () => {
    await using bench = await open(3)
    const [a, b] = [await bench.client(), await bench.client()]
    await bench.freeze(0)
    await bench.freeze(1)
    await expect(a.acquire('home', LONG_MS)).rejects.toThrow(LeaseServersAway)
    await bench.thaw(0)
    await bench.thaw(1)
    await eventually(bench, () => b.acquire('home', LONG_MS))
  })

  it('extends again what it could not extend, while it is kept', async () => {
    await using bench = await open(3)
    const grant = await granted((await bench.client()).acquire('home', LONG_MS))
    await bench.freeze(0)
    await bench.freeze(1)
    await expect(grant.extend(LONG_MS)).rejects.toThrow(LeaseServersAway)
    await bench.thaw(0)
    await bench.thaw(1)
    const answer = await eventually(bench, () => grant.extend(LONG_MS))
    expect(answer).toBe('extended')
  })

  it.each([1, 3])(
    'of %i servers, most of which restarted empty, nothing is granted for one ttl to who saw them before (I7)',
    async (count) => {
      await using bench = await open(count)
      const [a, b] = [await bench.client(), await bench.client()]
      const majority = Math.floor(count / 2) + 1
      await granted(a.acquire('home', SHORT_MS))
      for (let server = 0; server < majority; server++) {
        await bench.kill(server)
        await bench.start(server)
      }
      let attempts = 0
      const startedAt = performance.now()
      await eventually(bench, async () => {
        attempts += 1
        return await b.acquire('home', SHORT_MS)
      })
      // In virtual time the attempts tell that it took time, on real servers the clock does.
      expect(Math.max(attempts * 100, performance.now() - startedAt)).toBeGreaterThan(SHORT_MS / 2)
    },
  )
}
