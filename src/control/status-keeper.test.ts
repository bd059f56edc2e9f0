import { describe, expect, it } from 'vitest'
import { type NodeSketch, scene } from '../../test/harness/scene.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { Epoch, Lease } from '../lease/lease.ts'
import { planFleet } from '../plan/plan.ts'
import type { Endpoint } from '../store/store.ts'
import { makeLogger } from '../telemetry/log.ts'
import { makeStatusKeeper } from './status-keeper.ts'

const lease = { fleet: 'home', epoch: 1 as Epoch } as Lease
const picture = {
  generation: 1,
  specHash: 'abc',
  replicas: 0,
  engines: [],
  vpns: [],
  forwarding: [],
  observedAt: 0,
}

function bench() {
  const clock = makeVirtualClock()
  let published = 0
  const keeper = makeStatusKeeper({
    fleet: 'home',
    store: {
      statuses: async () => [],
      publish: async () => {
        published += 1
      },
    },
    clock,
    log: makeLogger({ level: 'error', pretty: false, colour: false, clock, to: process.stderr }),
    holder: 'nas:1',
  })
  const pass = async (incarnation: string) => {
    keeper.meet(incarnation)
    await keeper.publish(keeper.next(picture, [], lease), 2, lease)
    return published
  }
  return { clock, pass }
}

it('publishes what has not changed only when it has grown old', async () => {
  const { clock, pass } = bench()
  expect(await pass('one')).toBe(1)
  expect(await pass('one')).toBe(1)
  await clock.advance(30_000)
  expect(await pass('one')).toBe(2)
})

it('publishes at once to a store that has forgotten, or misses the last writes', async () => {
  const { pass } = bench()
  expect(await pass('one')).toBe(1)
  expect(await pass('two')).toBe(2)
  expect(await pass('two')).toBe(2)
})

describe('engines of a node', () => {
  /** Nodes whose engines are offered for claims, and those whose streams are told to leave. */
  async function published(a: Partial<NodeSketch>, b: Partial<NodeSketch> = {}) {
    const nodes: NodeSketch[] = [
      { name: 'a', lost: false, ...a },
      { name: 'b', lost: false, ...b },
    ]
    const engines = nodes.map(({ name }, index) => ({ slot: String(index), on: name }))
    const plan = planFleet(scene({ spec: { replicas: 2, scope: 'none' }, nodes, engines }))
    let endpoints: readonly Endpoint[] = []
    const keeper = makeStatusKeeper({
      fleet: 'home',
      store: {
        statuses: async () => [],
        publish: async (_fleet, _epoch, _status, told) => {
          endpoints = told
        },
      },
      clock: makeVirtualClock(),
      log: makeLogger({
        ...{ level: 'error', pretty: false, colour: false, to: process.stderr },
        clock: makeVirtualClock(),
      }),
      holder: 'nas:1',
    })
    const { engines: seen, vpns } = plan
    await keeper.publish(keeper.next({ ...picture, engines: seen, vpns }, [], lease), 2, lease)
    const on = (is: (endpoint: Endpoint) => boolean) => endpoints.filter(is).map(({ vpn }) => vpn)
    return { offered: on(({ ready }) => ready), leaving: on(({ leaving }) => leaving) }
  }

  const offline = { state: 'degraded', reason: 'EnginesOffline' } as const

  it('that is down leave selection at once, before its grace is over', async () => {
    expect(await published({ state: 'down' })).toEqual({ offered: ['b'], leaving: ['a'] })
    expect(await published({ state: 'down' }, { state: 'down' })).toMatchObject({ offered: [] })
  })

  it('of which nothing is known, or that is held for flapping, are offered (I9)', async () => {
    const both = { offered: ['a', 'b'], leaving: [] }
    expect(await published({ state: 'unknown' })).toEqual(both)
    expect(await published({ state: 'degraded', reason: 'Flapping' })).toEqual(both)
  })

  it('that all reach nothing get no new streams while another node is up, and keep theirs', async () => {
    expect(await published(offline)).toEqual({ offered: ['b'], leaving: [] })
    expect(await published(offline, offline)).toEqual({ offered: ['a', 'b'], leaving: [] })
  })
})
