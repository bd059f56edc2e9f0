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

const acceptorOf = (of: SpecStore) =>
  makeSpecAcceptor({ store: of, clock, lookAround, patienceMs: 0 })

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

describe('several processes on one store that may forget', () => {
  /** A store whose data can be lost, and processes that decide on it. */
  async function shared() {
    const world = { store, incarnation: 'first', now: 0, declared: {} as Record<string, Around> }
    const lazily = (of: () => SpecStore): SpecStore => ({
      acceptedSpecs: () => of().acceptedSpecs(),
      generationsOf: (...args) => of().generationsOf(...args),
      acceptSpec: (spec) => of().acceptSpec(spec),
      readFleet: (...args) => of().readFleet(...args),
      addRequest: (...args) => of().addRequest(...args),
    })
    const process = (name: string) => {
      const acceptor = makeSpecAcceptor({
        store: lazily(() => world.store),
        clock: { now: () => 1, monotonic: () => world.now },
        patienceMs: 0,
        lookAround: async () => {
          const others = Object.entries(world.declared).filter(([other]) => other !== name)
          return {
            incarnation: world.incarnation,
            others: others.flatMap(([, around]) => around.others),
          }
        },
      })
      return {
        apply(of: SpecSnapshot) {
          const declares = Object.fromEntries(
            of.fleets.map(({ fleet, hash, source }) => [fleet.name, { hash, source }]),
          )
          world.declared[name] = { incarnation: '', others: [{ declares }] }
          return generationAndReplicas(acceptor.apply(of))
        },
        again: (of: SpecSnapshot) => acceptor.apply(of),
        end() {
          delete world.declared[name]
        },
      }
    }
    const forget = async () => {
      world.store = await openEmbeddedStore({ dir: ':memory:', clock, newId: () => 'y' })
      world.incarnation = 'second'
    }
    return { world, process, forget }
  }

  it('bring back what ruled, before any file is considered', async () => {
    const { process, forget } = await shared()
    const [edited, stale] = [process('edited'), process('stale')]
    await stale.apply(snapshot(1))
    await edited.apply(snapshot(1))
    expect(await edited.apply(snapshot(2, true))).toEqual([[2, 2]])
    expect(await stale.apply(snapshot(1))).toEqual([[2, 2]])
    await forget()
    expect(await stale.apply(snapshot(1))).toEqual([[2, 2]])
    expect(await edited.apply(snapshot(2))).toEqual([[2, 2]])
  })

  it('put right what a newcomer without memory took for a new fleet', async () => {
    const { process, forget } = await shared()
    const old = process('old')
    const [mine, theirs] = [snapshot(3), snapshot(9)]
    await old.apply(mine)
    await forget()
    const newcomer = process('newcomer')
    old.end()
    expect(await newcomer.apply(theirs)).toEqual([[1, 9]])
    expect(await old.apply(mine)).toEqual([[2, 3]])
    expect(await newcomer.apply(theirs)).toEqual([[2, 3]])
  })

  it('do not bring back what was deleted', async () => {
    const { world, process } = await shared()
    const one = process('one')
    await one.apply(snapshot(1))
    const gone: SpecSnapshot = { fleets: [], problems: [], edited: false, editedFiles: [] }
    await one.apply(gone)
    await store.dropFleet('a', await store.openTerm('a', 'me', 0, 1))
    expect(await one.apply(gone)).toEqual([])
    world.incarnation = 'second'
    expect(await one.apply(gone)).toEqual([])
  })

  it('bring a fleet back together with the wish to delete it', async () => {
    const { world, process, forget } = await shared()
    const one = process('one')
    await one.apply(snapshot(1))
    await store.addRequest('a', { kind: 'delete' })
    const gone: SpecSnapshot = { fleets: [], problems: [], edited: false, editedFiles: [] }
    await one.apply(gone)
    await forget()
    expect(await one.apply(gone)).toEqual([[1, 1]])
    expect((await world.store.readFleet('a', 1)).requests).toEqual([{ kind: 'delete' }])
  })

  it('let a newcomer wait for a replica that has just ended, and no longer than a little', async () => {
    const { world, process } = await shared()
    const [old, newcomer] = [process('old'), process('newcomer')]
    await old.apply(snapshot(1))
    const file = snapshot(5)
    expect(await newcomer.apply(file)).toEqual([[1, 1]])
    expect((await newcomer.again(file)).outvoted).toHaveLength(1)
    world.now = 5_500
    old.end()
    expect(await newcomer.apply(file)).toEqual([[2, 5]])
  })

  it('let no newcomer win by outliving the others', async () => {
    const { world, process } = await shared()
    const [old, newcomer] = [process('old'), process('newcomer')]
    await old.apply(snapshot(1))
    const file = snapshot(5)
    await newcomer.apply(file)
    world.now = 10_000
    old.end()
    expect(await newcomer.apply(file)).toEqual([[1, 1]])
    expect(await newcomer.apply(snapshot(6, true))).toEqual([[2, 6]])
  })
})

describe('a store that has just begun', () => {
  it('is left to those who know what ruled, by a process that knows nothing', async () => {
    const time = { now: 1_000 }
    const later = { now: () => time.now, monotonic: () => time.now }
    const acceptorAt = () =>
      makeSpecAcceptor({ store, clock: later, lookAround, patienceMs: 4_000 })
    const newcomer = acceptorAt()
    const file = snapshot(3)
    await expect(newcomer.apply(file)).rejects.toMatchObject({ waitMs: 4_000 })
    const known = { fleet: 'a', generation: 7, document: {}, source: 'a.yaml', acceptedAt: 1 }
    const { hash = '' } = file.fleets[0] ?? {}
    await store.acceptSpec({ ...known, document: file.fleets[0]?.document, hash })
    expect(await generationAndReplicas(newcomer.apply(file))).toEqual([[7, 3]])
  })

  it('takes files when nobody has told it anything', async () => {
    const time = { now: 1_000 }
    const later = { now: () => time.now, monotonic: () => time.now }
    const newcomer = makeSpecAcceptor({ store, clock: later, lookAround, patienceMs: 4_000 })
    await expect(newcomer.apply(snapshot(3))).rejects.toThrow('has just begun')
    time.now = 5_001
    expect(await generationAndReplicas(newcomer.apply(snapshot(3)))).toEqual([[1, 3]])
  })
})
