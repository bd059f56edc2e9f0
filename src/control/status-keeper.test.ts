import { expect, it } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { Epoch, Lease } from '../lease/lease.ts'
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
