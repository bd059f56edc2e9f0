import { expect, it } from 'vitest'
import type { Epoch } from '../../../src/lease/lease.ts'
import type { Replica, Store, UserRequest } from '../../../src/store/store.ts'
import { acceptedSpec, FLEET, leadFrom, type OpenStore, T0 } from './sample.ts'

const REPLICA: Replica = {
  holder: 'host:1',
  startedAt: T0,
  declares: { [FLEET]: { hash: 'hash-1', source: 'specs/demo.yaml' } },
  leads: {
    [FLEET]: { epoch: T0 as Epoch, leaseMs: 4_321.5 },
    away: { epoch: (T0 + 1) as Epoch, leaseMs: null },
  },
  dockerAgoMs: 1_234.5,
  lease: { servers: '0123456789ab', count: 3, ttlMs: 6_000, renewMs: 2_000 },
}

const CORDON: UserRequest = { kind: 'cordon', node: 'gluetun-a' }

/** What replicas tell each other. */
export function describeGlances(open: OpenStore): void {
  it('shows whoever announces itself, just as it did', async () => {
    await using bench = await open()
    const { store } = bench
    await store.announce({ ...REPLICA, declares: {}, leads: {}, dockerAgoMs: null, lease: null })
    const { replicas } = await store.announce(REPLICA)
    expect(replicas).toEqual([{ ...REPLICA, agoMs: expect.any(Number) }])
    expect(replicas[0]?.agoMs).toBeLessThan(5_000)
  })

  it('tells the incarnation that planning is told, and every epoch that was opened', async () => {
    await using bench = await open()
    const { store } = bench
    const home = await leadFrom(store)
    const away = await store.openTerm('away', 'host:2', T0 + 50, T0)
    const glance = await store.announce(REPLICA)
    expect(glance.incarnation).toBe((await store.readFleet(FLEET, T0)).incarnation)
    expect([...glance.epochs].sort()).toEqual([
      ['away', away],
      [FLEET, home],
    ])
    await store.dropFleet(FLEET, (home + 1) as Epoch)
    expect((await store.announce(REPLICA)).epochs.get(FLEET)).toBe(home + 1)
  })

  const CHANGES: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
    'a request': (store) => store.addRequest(FLEET, CORDON),
    'a request taken back': (store) => store.removeRequest(FLEET, CORDON),
    'an accepted spec': (store) => store.acceptSpec(acceptedSpec(1)),
    'a dropped fleet': async (store) => store.dropFleet(FLEET, await leadFrom(store)),
  }

  it('moves its revision with requests, accepted specs and dropped fleets, and with nothing else', async () => {
    await using bench = await open()
    const { store } = bench
    const revision = async () => (await store.announce(REPLICA)).revision
    let before = await revision()
    for (const [change, make] of Object.entries(CHANGES)) {
      await make(store)
      expect(await revision(), change).toBeGreaterThan(before)
      before = await revision()
      if (change === 'a request') await store.addRequest(FLEET, CORDON)
      if (change === 'a request taken back') await store.removeRequest(FLEET, CORDON)
      if (change === 'an accepted spec') await store.acceptSpec(acceptedSpec(5))
      await store.readFleet(FLEET, T0)
      expect(await revision(), `no ${change}`).toBe(before)
    }
  })
}
