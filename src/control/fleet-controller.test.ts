import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { Docker } from '../docker/port.ts'
import { engineTemplate } from '../engine/template.ts'
import type { Lease } from '../lease/lease.ts'
import { fleetOf } from '../spec/document.ts'
import { fleetSchema } from '../spec/schema.ts'
import { openEmbeddedStore } from '../store/embedded/open.ts'
import { systemClock } from '../time/clock.ts'
import { makeFleetController } from './fleet-controller.ts'
import type { RulingSpec } from './reconcile.ts'

function generation(number: number, replicas: number): RulingSpec {
  const fleet = fleetOf(
    fleetSchema.parse({
      apiVersion: 'acefleet/v1',
      kind: 'EngineFleet',
      metadata: { name: 'home' },
      spec: { replicas, vpn: { mode: 'none' } },
    }),
  )
  const template = engineTemplate(fleet)
  return { fleet, generation: number, hash: `h${number}`, template, conditions: [] }
}

test('a status names the generation that its picture was planned by, also when another rules by then', async () => {
  await using store = await openEmbeddedStore({
    dir: ':memory:',
    clock: systemClock,
    newId: () => 'incarnation',
  })
  const epoch = await store.openTerm('home', 'me', 0, 1)
  const lease: Lease = {
    fleet: 'home',
    epoch,
    assertHeld: () => {},
    lost: new AbortController().signal,
  }
  let onLook = () => {}
  await using controller = makeFleetController(
    {
      instance: 'default',
      store,
      clock: systemClock,
      docker: { hasImage: async () => false } as Partial<Docker> as Docker,
      observer: {
        async observe({ name }) {
          onLook()
          return { fleet: name, startedAt: 5, engines: [], foreign: [], nodes: [] }
        },
        reviewAt: () => undefined,
        hear: () => {},
      },
      record: () => {},
      log: pino({ level: 'silent' }),
      patienceMs: 30_000,
      restartVpn: async () => ({ kind: 'restarted' }),
      random: () => 0.5,
      newReconcileId: () => 'r1',
      holder: 'me',
      wake: () => {},
      wakeAt: () => {},
      onDeleted: () => {},
    },
    generation(1, 1),
  )
  controller.lead(lease, () => {})
  onLook = () => controller.rule(generation(2, 7))
  await controller.pass()
  expect(await store.statuses()).toMatchObject([{ generation: 1, replicas: 1 }])
  onLook = () => {}
  await controller.pass()
  expect(await store.statuses()).toMatchObject([{ generation: 2, replicas: 7 }])
})
