import { describe, expect, it } from 'vitest'
import { type Sketch, scene } from '../../test/harness/scene.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { Docker } from '../docker/port.ts'
import type { Lease } from '../lease/lease.ts'
import { openEmbeddedStore } from '../store/embedded/open.ts'
import { StaleEpoch } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import { makeLogger } from '../telemetry/log.ts'
import { makeFleetController } from './fleet-controller.ts'

/** A controller of a scene, on a real store. */
async function bench(sketch: Sketch, store: Partial<Store> = {}) {
  const input = scene(sketch)
  const clock = makeVirtualClock(input.now)
  const real = await openEmbeddedStore({ dir: ':memory:', clock, newId: () => 'i' })
  const world = { look: async () => {} }
  const [events, wakes]: [NewFleetEvent[], number[]] = [[], []]
  const controller = makeFleetController(
    {
      ...{ instance: 'default', clock, holder: 'me', patienceMs: 30_000 },
      restartVpn: async () => ({ kind: 'restarted' }),
      store: Object.assign(Object.create(real), store) as Store,
      docker: { hasImage: async () => true } as Partial<Docker> as Docker,
      observer: {
        async observe() {
          await world.look()
          return { ...input.observation, startedAt: clock.now() }
        },
        reviewAt: () => undefined,
        hear: () => {},
      },
      record: (event) => events.push(event),
      log: makeLogger({
        ...{ level: 'error', pretty: false, colour: false, clock },
        to: { write: () => {} },
      }),
      random: () => 0.5,
      newReconcileId: () => 'r1',
      wake: () => wakes.push(0),
      wakeAt: (at) => wakes.push(at - clock.now()),
      onDeleted: () => {},
    },
    { ...input, generation: 1, hash: 'h1', conditions: [] },
  )
  const lease = async (): Promise<Lease> => ({
    fleet: 'home',
    epoch: await real.openTerm('home', 'me', 0, clock.now()),
    assertHeld: () => {},
    lost: new AbortController().signal,
  })
  return { clock, controller, world, store: real, lease, events, wakes }
}

const one: Sketch = {
  spec: { replicas: 1, scope: 'none' },
  nodes: [{ name: 'a' }],
  engines: [{ slot: '0' }],
}

describe('a term', () => {
  it('is ended by the later epoch that its pass meets', async () => {
    const { controller, lease } = await bench(one)
    const losses: Error[] = []
    controller.lead(await lease(), (error) => losses.push(error))
    await lease()
    await controller.pass()
    expect(losses[0]).toBeInstanceOf(StaleEpoch)
  })

  it('is not ended by what a pass of the one before met', async () => {
    const { controller, lease, world } = await bench(one)
    const losses: string[] = []
    const gate = Promise.withResolvers<void>()
    world.look = () => gate.promise
    controller.lead(await lease(), () => losses.push('first'))
    const late = controller.pass()
    await controller.standDown()
    controller.lead(await lease(), () => losses.push('second'))
    gate.resolve()
    await late
    expect(losses).not.toContain('second')
  })

  it('tells once whom it adopted, and touches nobody (I8)', async () => {
    const { clock, controller, lease, events } = await bench(one)
    controller.lead(await lease(), () => {})
    for (let pass = 0; pass < 3; pass++) {
      await controller.pass()
      await clock.settle()
    }
    const told = events.filter(({ reason }) => reason === 'EngineAdopted')
    expect(told.map(({ message }) => message)).toEqual(['adopted 1 running engines: home.0'])
  })
})

describe('a pass that fails for a reason that should not exist', () => {
  it('blames neither Docker nor the store, and is repeated (I9)', async () => {
    const { controller, lease, world, events, wakes } = await bench(one)
    controller.lead(await lease(), () => {})
    world.look = async () => {
      throw new TypeError('undefined is not a function')
    }
    await controller.pass()
    expect(controller.trouble()).toMatchObject({ type: 'Stalled', reason: 'PassFailed' })
    expect(events.map(({ reason }) => reason)).not.toContain('DockerLost')
    expect(wakes.at(-1)).toBeGreaterThan(0)
  })
})

describe('endpoints for claims', () => {
  it.each([
    ['up', true],
    ['unknown', true],
    ['down', false],
  ] as const)('of an engine whose VPN is %s: ready %s', async (state, ready) => {
    const { controller, lease, store } = await bench({
      ...one,
      nodes: [{ name: 'a', state, lost: false }],
    })
    controller.lead(await lease(), () => {})
    await controller.pass()
    expect(await store.endpoints('home')).toMatchObject([{ slot: '0', ready, host: '172.17.0.2' }])
  })
})

describe('a store that says that another leads', () => {
  it('ends the term, whatever it is that it refuses', async () => {
    const { controller, lease } = await bench(one, {
      publish: () => Promise.reject(new StaleEpoch('another leads')),
    })
    const losses: Error[] = []
    controller.lead(await lease(), (error) => losses.push(error))
    await controller.pass()
    expect(losses).toHaveLength(1)
  })
})
