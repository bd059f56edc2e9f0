import { expect, it } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { LeaseSettings, Replica } from '../store/store.ts'
import { makeLogger } from '../telemetry/log.ts'
import { makeSettings } from './settings.ts'

const LEASE: LeaseSettings = { servers: 'aaaa', count: 3, ttlMs: 6_000, renewMs: 2_000 }

function bench() {
  const world = { warnings: [] as string[], changes: 0 }
  const lines: string[] = []
  const settings = makeSettings({
    log: makeLogger({
      ...{ level: 'info', pretty: false, colour: false, clock: makeVirtualClock() },
      to: { write: (line) => lines.push(JSON.parse(line).msg) },
    }),
    warnings: () => world.warnings,
    onChange: () => {
      world.changes += 1
    },
  })
  const look = (...leases: readonly (LeaseSettings | null)[]) =>
    settings.look({
      replicas: leases.map((lease, index): Replica & { agoMs: number } => ({
        ...{ holder: `${index}:1`, startedAt: 0, declares: {}, leads: {}, dockerAgoMs: null },
        ...{ lease, agoMs: 0 },
      })),
    })
  return { world, lines, settings, look }
}

it('says nothing where all replicas are set alike, or do not tell', () => {
  const { settings, look, world } = bench()
  look(LEASE, { ...LEASE }, null)
  expect([settings.conditions(), world.changes]).toEqual([[], 0])
})

it('names who keeps the lease on other servers, for as long as they do, and logs it once', () => {
  const { settings, look, world, lines } = bench()
  for (let times = 0; times < 3; times++)
    look(LEASE, { ...LEASE, servers: 'bbbb', count: 1 }, LEASE)
  expect(settings.conditions()).toMatchObject([{ type: 'LeaseMismatch', reason: 'ServersDiffer' }])
  expect(settings.conditions()[0]?.message).toContain(
    '--lease-redis) are set aaaa (3) on 0:1, 2:1, but set bbbb (1) on 1:1: start all',
  )
  expect([world.changes, lines.length]).toEqual([1, 1])
  look(LEASE, LEASE)
  expect([settings.conditions(), world.changes, lines.at(-1)]).toEqual([
    [],
    2,
    'no longer LeaseMismatch',
  ])
})

it('names who goes by other times', () => {
  const { settings, look } = bench()
  look(LEASE, { ...LEASE, ttlMs: 15_000 })
  expect(settings.conditions()).toMatchObject([{ type: 'LeaseMismatch', reason: 'TimesDiffer' }])
  expect(settings.conditions()[0]?.message).toContain('6s and 2s on 0:1, but 15s and 2s on 1:1')
})

it('warns of a store that may forget for as long as it may', () => {
  const { settings, look, world } = bench()
  world.warnings = ['Redis at redis://a: its maxmemory-policy is allkeys-lru']
  look(LEASE)
  expect(settings.conditions()).toMatchObject([{ type: 'StoreMayForget', reason: 'MemoryPolicy' }])
  world.warnings = []
  look(LEASE)
  expect(settings.conditions()).toEqual([])
})
