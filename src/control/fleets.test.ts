import { pino } from 'pino'
import { expect, test } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerUnreachable } from '../docker/errors.ts'
import type { Docker } from '../docker/port.ts'
import type { LeaseSource } from '../lease/lease.ts'
import { fleetOf } from '../spec/document.ts'
import { fleetSchema } from '../spec/schema.ts'
import { openEmbeddedStore } from '../store/embedded/open.ts'
import { makeFleets } from './fleets.ts'

test('a fleet is looked at as soon as it is declared, also where no term can begin', async () => {
  const clock = makeVirtualClock()
  await using store = await openEmbeddedStore({ dir: ':memory:', clock, newId: () => 'i' })
  const docker: Partial<Docker> = {
    list: async () => {
      throw new DockerUnreachable('there is no such socket')
    },
  }
  // As a standby, or while the daemon is away: nobody leads.
  const leases: LeaseSource = { campaign: () => new Promise(() => {}) }
  const fleet = fleetOf(
    fleetSchema.parse({
      apiVersion: 'acefleet/v1',
      kind: 'EngineFleet',
      metadata: { name: 'home' },
      spec: { replicas: 1, vpn: { mode: 'none' } },
    }),
  )
  const fleets = makeFleets({
    instance: 'default',
    docker: docker as Docker,
    probe: async () => ({ kind: 'ready' }),
    readControl: async () => ({ kind: 'unreachable', message: '', at: 0 }),
    clock,
    random: () => 0.5,
    store,
    leases,
    record: () => {},
    log: pino({ level: 'silent' }),
    newReconcileId: () => 'r',
    holder: 'me',
    patienceMs: 30_000,
  })
  await fleets.rule([
    {
      fleet,
      generation: 1,
      hash: 'h',
      source: 'home.yaml',
      declaredIn: 'home.yaml:1',
      conditions: [],
    },
  ])
  await clock.settle()
  expect(fleets.trouble('home')?.message).toBe('there is no such socket')
})
