import { expect, test } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerError } from '../docker/errors.ts'
import type { Docker } from '../docker/port.ts'
import { engineTemplate } from '../engine/template.ts'
import type { Lease } from '../lease/lease.ts'
import { fleetOf } from '../spec/document.ts'
import { fleetSchema } from '../spec/schema.ts'
import { openEmbeddedStore } from '../store/embedded/open.ts'
import { StoreUnavailable } from '../store/errors.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import { makeLogger } from '../telemetry/log.ts'
import { makeFleetController } from './fleet-controller.ts'

/** A controller of an empty fleet that leads, and the ways to get it into trouble. */
async function makeBench() {
  const clock = makeVirtualClock()
  const store = await openEmbeddedStore({ dir: ':memory:', clock, newId: () => 'incarnation' })
  const fleet = fleetOf(
    fleetSchema.parse({
      apiVersion: 'acefleet/v1',
      kind: 'EngineFleet',
      metadata: { name: 'home' },
      spec: { replicas: 0, vpn: { mode: 'none' } },
    }),
  )
  const weather = { isDiskFull: false, docker: undefined as Error | undefined }
  const lines: string[] = []
  const events: NewFleetEvent[] = []
  const wakes: number[] = []
  const controller = makeFleetController(
    {
      instance: 'default',
      store: {
        ...store,
        publish: async (...args) => {
          if (weather.isDiskFull) throw new StoreUnavailable('the disk is full')
          await store.publish(...args)
        },
      },
      clock,
      docker: { hasImage: async () => true } as Partial<Docker> as Docker,
      observer: {
        async observe({ name }) {
          if (weather.docker !== undefined) throw weather.docker
          return { fleet: name, startedAt: clock.now(), engines: [], foreign: [], nodes: [] }
        },
        reviewAt: () => undefined,
        hear: () => {},
      },
      record: (event) => events.push(event),
      log: makeLogger({
        level: 'info',
        pretty: false,
        colour: false,
        clock,
        to: { write: (line) => lines.push(JSON.parse(line).msg) },
      }),
      patienceMs: 30_000,
      restartVpn: async () => ({ kind: 'restarted' }),
      random: () => 0.5,
      newReconcileId: () => 'r1',
      holder: 'me',
      wake: () => {},
      wakeAt: (at) => wakes.push(at - clock.now()),
      onDeleted: () => {},
    },
    { fleet, generation: 1, hash: 'h1', template: engineTemplate(fleet), conditions: [] },
  )
  const lease: Lease = {
    fleet: 'home',
    epoch: await store.openTerm('home', 'me', 0, 1),
    assertHeld: () => {},
    lost: new AbortController().signal,
  }
  controller.lead(lease, () => {})
  await controller.pass()
  wakes.length = 0
  events.length = 0
  return { clock, controller, weather, lines, events, wakes }
}

test('a store that cannot be written is told of once, tried ever more seldom, and forgotten when it can', async () => {
  const { clock, controller, weather, lines, wakes } = await makeBench()
  weather.isDiskFull = true
  await clock.advance(31_000)
  for (let pass = 0; pass < 8; pass++) await controller.pass()
  expect(controller.trouble()).toMatchObject({ type: 'StoreUnavailable', since: clock.now() })
  expect(lines.filter((line) => line.includes('the disk is full'))).toHaveLength(1)
  expect(wakes.at(-1)).toBe(5_000)
  expect(new Set(wakes).size).toBeGreaterThan(3)
  weather.isDiskFull = false
  await controller.pass()
  expect(controller.trouble()).toBeUndefined()
})

test('trouble with Docker begins once and ends when it answers, whatever the store does', async () => {
  const { clock, controller, weather, events } = await makeBench()
  weather.docker = new DockerError('no answer')
  await controller.pass()
  await clock.advance(1_000)
  await controller.pass()
  expect(controller.trouble()).toMatchObject({ type: 'DockerUnreachable', message: 'no answer' })
  expect(controller.trouble()?.since).toBe(clock.now() - 1_000)
  weather.docker = undefined
  weather.isDiskFull = true
  await clock.advance(31_000)
  await controller.pass()
  expect(controller.trouble()?.type).toBe('StoreUnavailable')
  expect(events.map((event) => event.reason)).toEqual(['DockerLost', 'DockerBack'])
})
