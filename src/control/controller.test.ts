import { expect, it } from 'vitest'
import type { LeaderView } from '../api/controller.ts'
import type { Condition } from '../telemetry/status.ts'
import { type ControllerParts, makeController } from './controller.ts'

function bench() {
  const world = {
    now: 1_000,
    leader: undefined as LeaderView | undefined,
    fleetTrouble: undefined as Condition | undefined,
    leaseTrouble: undefined as string | undefined,
    storeTrouble: undefined as string | undefined,
    specTroubles: [] as string[],
    own: undefined as string | undefined,
    closing: new AbortController(),
    elsewhere: undefined as string | undefined,
  }
  const parts: ControllerParts = {
    mode: 'redis',
    fleets: {
      wake: () => {},
      plan: async () => undefined,
      declaredIn: () => world.own,
      trouble: () => world.fleetTrouble,
      troubles: () => (world.fleetTrouble === undefined ? [] : [world.fleetTrouble.message]),
      ruling: () => new Map([['home', 'h']]),
    },
    specs: { troubles: () => world.specTroubles },
    replicas: {
      views: () => [],
      leadership: () => world.leader,
      declaredElsewhere: () => world.elsewhere,
      trouble: () => world.storeTrouble,
    },
    leaseTrouble: () => world.leaseTrouble,
    clock: { now: () => world.now },
    closing: world.closing.signal,
  }
  return { world, control: makeController(parts) }
}

const leader: LeaderView = { holder: 'a:1', epoch: 7, leaseMs: 3_000, isSelf: false }

it('says that nobody can lead when lease servers are away, but not while somebody still does', () => {
  const { world, control } = bench()
  world.leaseTrouble = '2 of 3 lease servers do not answer'
  world.leader = leader
  expect(control.trouble('home')).toBeUndefined()
  world.now = 5_000
  world.leader = undefined
  const since = { type: 'LeaseUnavailable', since: 5_000 }
  expect(control.trouble('home')).toMatchObject(since)
  world.now = 9_000
  expect(control.trouble('home')).toMatchObject(since)
  expect(control.trouble('unknown')).toBeUndefined()
  world.leaseTrouble = undefined
  expect(control.trouble('home')).toBeUndefined()
})

it('is ready as a standby, and lists all that is away otherwise', () => {
  const { world, control } = bench()
  world.leader = leader
  expect(control.readiness()).toEqual({ ready: true, reasons: [] })
  world.leaseTrouble = 'lease servers are away'
  world.storeTrouble = 'the store is away'
  world.specTroubles = ['a file is broken', 'the store is away']
  expect(control.readiness()).toEqual({
    ready: false,
    reasons: ['a file is broken', 'the store is away', 'lease servers are away'],
  })
})

it('is not ready from the moment at which it is told to stop', () => {
  const { world, control } = bench()
  world.closing.abort()
  expect(control.readiness()).toEqual({ ready: false, reasons: ['it is stopping'] })
})

it('knows where any replica declares a fleet', () => {
  const { world, control } = bench()
  expect(control.declaredIn('home')).toBeUndefined()
  world.elsewhere = 'specs/home.yaml:1 of replica b:2'
  expect(control.declaredIn('home')).toBe(world.elsewhere)
  world.own = 'specs/home.yaml:1'
  expect(control.declaredIn('home')).toBe('specs/home.yaml:1')
})
