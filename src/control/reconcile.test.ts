import { describe, expect, it } from 'vitest'
import { NOW, type Sketch, said, scene } from '../../test/harness/scene.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { Executor } from '../act/executor.ts'
import { NotFound } from '../docker/errors.ts'
import type { Epoch, Lease } from '../lease/lease.ts'
import type { Observation } from '../observe/observation.ts'
import type { PendingAction } from '../plan/action.ts'
import { StaleEpoch } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import { reconcile } from './reconcile.ts'
import type { Term } from './term.ts'

/** One pass over a scene, with an executor that records what it is given. */
function bench(sketch: Sketch) {
  const input = scene(sketch)
  const clock = makeVirtualClock(NOW)
  let stamp = 0
  let pending: readonly PendingAction[] = input.pending
  const log: string[] = []
  const submittedPlanAt: number[] = []
  const on = {
    look: (_: number) => {},
    read: (_: number) => {},
    note: async () => {},
  }
  const world = { observation: input.observation as Observation | Error }
  const [looks, reads] = [{ count: 0 }, { count: 0 }]
  const lease: Lease = {
    fleet: 'home',
    epoch: 2 as Epoch,
    assertHeld: () => {},
    lost: new AbortController().signal,
  }
  const executor: Executor = {
    submit: (actions, _, plannedAt) => {
      submittedPlanAt.push(plannedAt)
      log.push(`submit ${actions.map(said).join(', ')}`)
    },
    withdraw: () => void log.push('withdraw'),
    stamp: () => stamp,
    settle: () => {},
    pending: () => pending,
    retryAt: () => undefined,
    conditions: () => [],
    [Symbol.asyncDispose]: async () => {},
  }
  const term = {
    lease,
    executor,
    cures: { submit: () => {}, curing: () => undefined, stamp: () => 0 },
    images: { lacks: () => undefined, missing: () => {}, retryAt: () => undefined },
    found: undefined,
    hasToldFound: false,
  } as unknown as Term
  const store = {
    async readFleet() {
      on.read(++reads.count)
      return input.memory
    },
    async setBackoff(_: string, __: number, slot: string) {
      await on.note()
      log.push(`note ${slot}`)
    },
  } as Partial<Store> as Store
  const observer = {
    async observe() {
      const seen = world.observation
      on.look(++looks.count)
      if (seen instanceof Error) throw seen
      return seen
    },
    reviewAt: () => undefined,
    hear: () => {},
  }
  return {
    log,
    clock,
    submittedPlanAt,
    on,
    world,
    looks,
    /** An action of ours ends: the world is as it says. */
    end(seen: Sketch) {
      stamp += 1
      pending = []
      world.observation = scene(seen).observation
    },
    pass: () =>
      reconcile(
        { instance: 'default', store, observer, clock },
        { ...input, generation: 1, hash: 'h', conditions: [] },
        term,
        'r1',
        new AbortController().signal,
      ),
  }
}

const creating: Sketch = {
  spec: { replicas: 1 },
  pending: [{ verb: 'create', slot: '0' }],
}
const created: Sketch = { spec: { replicas: 1 }, engines: [{ slot: '0' }] }

describe('a pass', () => {
  it('plans on a picture and what is under way', async () => {
    const { pass, log } = bench(creating)
    await pass()
    expect(log.at(-1)).toBe('submit ')
  })

  it('looks again when an action of ours ends during the look (I2)', async () => {
    const { pass, on, end, log, looks } = bench(creating)
    on.look = (count) => count === 1 && end(created)
    await pass()
    expect(looks.count).toBe(2)
    expect(log.at(-1)).toBe('submit noteReady 0')
  })

  it('looks again when one ends after the look, while memory is read (I2)', async () => {
    const { pass, on, end, log, looks } = bench(creating)
    // The first read comes before the look, the second after it.
    on.read = (count) => count === 2 && end(created)
    await pass()
    expect(looks.count).toBe(2)
    expect(log.at(-1)).toBe('submit noteReady 0')
  })

  it('gives up for now when something of ours ends in every look', async () => {
    const { pass, on, end, log } = bench(creating)
    on.look = () => end(created)
    expect(await pass()).toEqual({ kind: 'postponed', until: NOW })
    expect(log).toEqual([])
  })

  it('lets nothing of an older plan begin once it has planned, not while it notes either', async () => {
    const { pass, log } = bench({
      spec: { replicas: 1 },
      engines: [{ slot: '0' }],
      backoff: { 1: { notBefore: NOW + 1_000 } },
    })
    await pass()
    expect(log).toEqual(['withdraw', 'note 1', 'submit '])
  })

  it('tells how old its plan is, however long noting takes (I9)', async () => {
    const { pass, on, clock, submittedPlanAt } = bench({
      spec: { replicas: 1 },
      engines: [{ slot: '0' }],
      backoff: { 1: { notBefore: NOW + 1_000 } },
    })
    const plannedAt = clock.monotonic()
    on.note = () => clock.advance(7_000)
    await pass()
    expect(submittedPlanAt).toEqual([plannedAt])
  })

  it('looks again when a container goes between the list and its inspect', async () => {
    const { pass, world, on, looks } = bench(created)
    const { observation } = world
    world.observation = new NotFound('No such container')
    on.look = () => {
      world.observation = observation
    }
    expect(await pass()).toMatchObject({ kind: 'reconciled' })
    expect(looks.count).toBe(2)
  })

  it('concludes nothing from a look that failed (I9)', async () => {
    const { pass, world, log } = bench(created)
    world.observation = new Error('no answer')
    await expect(pass()).rejects.toThrow('no answer')
    expect(log).toEqual([])
  })

  it('stands down before it acts when a container carries a later epoch (I6)', async () => {
    const { pass, log } = bench({ ...created, engines: [{ slot: '0', labels: { epoch: 3 } }] })
    await expect(pass()).rejects.toThrow(StaleEpoch)
    expect(log).toEqual([])
  })

  it('waits for the first answers of engines that it finds, but not for ever', async () => {
    const unprobed: Sketch = {
      spec: { replicas: 1 },
      engines: [{ slot: '0', ready: false, wasReady: true }],
    }
    const { pass, log } = bench(unprobed)
    expect(await pass()).toMatchObject({ kind: 'postponed' })
    expect(log).toEqual([])
  })
})
