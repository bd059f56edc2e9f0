import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEmbeddedStore } from '../store/embedded/open.ts'
import { StoreUnavailable } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import { type Around, makeSpecAcceptor, type SpecStore } from './acceptance.ts'
import { checkSpecs } from './load.ts'
import type { SpecSnapshot } from './source.ts'

const clock = { now: () => 1_000, monotonic: () => 1_000 }
const lookAround = async (): Promise<Around> => ({ incarnation: 'x', others: [] })
let store: Store
beforeEach(async () => {
  store = await openEmbeddedStore({ dir: ':memory:', clock, newId: () => 'x' })
})
afterEach(() => store[Symbol.asyncDispose]())

function snapshot(replicas: number | string, isEdited = false): SpecSnapshot {
  const text = `apiVersion: acefleet/v1
kind: EngineFleet
metadata: {name: a}
spec:
  replicas: ${replicas}
  vpn: {mode: none}
`
  const specs = checkSpecs([{ file: 'a.yaml', text }])
  return { ...specs, edited: isEdited, editedFiles: isEdited ? ['a.yaml'] : [] }
}

const acceptorOf = (of: SpecStore) => makeSpecAcceptor({ store: of, clock, lookAround })

const generationAndReplicas = async (
  from: Promise<{ fleets: readonly { generation: number; fleet: { replicas: number } }[] }>,
) => (await from).fleets.map(({ generation, fleet }) => [generation, fleet.replicas])

describe('accepted generations', () => {
  it('outlive a restart on a broken file', async () => {
    await acceptorOf(store).apply(snapshot(3))
    const restarted = await acceptorOf(store).apply(snapshot('x'))
    expect(restarted.fleets).toMatchObject([
      { generation: 1, fleet: { replicas: 3 }, conditions: [{ type: 'SpecInvalid' }] },
    ])
    expect(restarted.problems).toHaveLength(1)
    expect(restarted.accepted).toEqual([])
  })

  it('are not undone by a restart on an earlier file, but by an edit that is watched', async () => {
    const acceptor = acceptorOf(store)
    await acceptor.apply(snapshot(1))
    await acceptor.apply(snapshot(2, true))
    const restarted = acceptorOf(store)
    expect(await generationAndReplicas(restarted.apply(snapshot(1)))).toEqual([[2, 2]])
    expect(await generationAndReplicas(restarted.apply(snapshot(1, true)))).toEqual([[3, 1]])
  })

  it('are kept once, however often the same snapshot is applied', async () => {
    const acceptor = acceptorOf(store)
    const edited = snapshot(1, true)
    for (let times = 0; times < 3; times++) {
      expect(await generationAndReplicas(acceptor.apply(edited))).toEqual([[1, 1]])
    }
    expect(await store.acceptedSpecs()).toHaveLength(1)
  })

  it('of another process rule over an edit that was decided on before', async () => {
    const [one, other] = [acceptorOf(store), acceptorOf(store)]
    const mine = snapshot(1, true)
    await one.apply(mine)
    await other.apply(snapshot(2, true))
    expect(await generationAndReplicas(one.apply(mine))).toEqual([[2, 2]])
  })
})

describe('a store in trouble', () => {
  const failing = (times: number): SpecStore => ({
    acceptedSpecs: async () => {
      if (times-- > 0) throw new StoreUnavailable('away')
      return store.acceptedSpecs()
    },
    generationsOf: (fleet, hash) => store.generationsOf(fleet, hash),
    acceptSpec: (spec) => store.acceptSpec(spec),
    readFleet: (fleet, now) => store.readFleet(fleet, now),
    addRequest: (fleet, request) => store.addRequest(fleet, request),
  })

  it('makes an edit wait, not be forgotten', async () => {
    const before = acceptorOf(store)
    await before.apply(snapshot(1))
    await before.apply(snapshot(2, true))
    const acceptor = acceptorOf(failing(1))
    const edit = snapshot(1, true)
    await expect(acceptor.apply(edit)).rejects.toBeInstanceOf(StoreUnavailable)
    // Another file changes before the store is back.
    expect(await generationAndReplicas(acceptor.apply(snapshot(1)))).toEqual([[3, 1]])
  })

  it('that lets another process in between makes it decide again', async () => {
    let isFirst = true
    const raced: SpecStore = {
      ...failing(0),
      acceptSpec: async (spec) => {
        if (isFirst) {
          isFirst = false
          await store.acceptSpec({ ...spec, hash: 'other' })
        }
        return store.acceptSpec(spec)
      },
    }
    const { fleets, accepted } = await acceptorOf(raced).apply(snapshot(1))
    expect(fleets).toMatchObject([{ generation: 2 }])
    expect(accepted).toMatchObject([{ generation: 2 }])
  })

  it('that never lets it through is an error, not an endless loop', async () => {
    const refusing: SpecStore = { ...failing(0), acceptSpec: async () => false }
    await expect(acceptorOf(refusing).apply(snapshot(1))).rejects.toThrow('accepted elsewhere')
  })
})
