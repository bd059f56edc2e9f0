import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerUnreachable } from '../docker/errors.ts'
import type { Docker } from '../docker/port.ts'
import { embeddedLeaseSource } from '../lease/embedded.ts'
import type { LeaseSource } from '../lease/lease.ts'
import type { DesiredFleet } from '../spec/decision.ts'
import { fleetOf } from '../spec/document.ts'
import { fleetSchema } from '../spec/schema.ts'
import { openEmbeddedStore } from '../store/embedded/open.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import { makeFleets } from './fleets.ts'
import { NO_PEERS, type Peers } from './peers.ts'
import { TermStuck } from './term-stuck.ts'

const fleet = fleetOf(
  fleetSchema.parse({
    apiVersion: 'acefleet/v1',
    kind: 'EngineFleet',
    metadata: { name: 'home' },
    spec: { replicas: 0, vpn: { mode: 'none' } },
  }),
)

const home: DesiredFleet = {
  fleet,
  generation: 1,
  hash: 'h',
  source: 'home.yaml',
  declaredIn: 'home.yaml:1',
  conditions: [],
}

/** A daemon without containers. */
const EMPTY: Partial<Docker> = { list: async () => [], hasImage: async () => true }

/** Processes that share a store and one right to lead. */
async function bench() {
  const clock = makeVirtualClock()
  const store = await openEmbeddedStore({ dir: ':memory:', clock, newId: () => 'i' })
  const lock = { assertHeld: () => {}, lost: new AbortController().signal }
  const leases = embeddedLeaseSource(lock)
  const events: NewFleetEvent[] = []
  const process = (
    holder: string,
    docker: Partial<Docker> = EMPTY,
    more: { readonly peers?: Partial<Peers>; readonly leases?: LeaseSource } = {},
  ) =>
    makeFleets({
      ...{ instance: 'default', clock, store, holder, patienceMs: 30_000 },
      restartVpn: async () => ({ kind: 'restarted' }),
      docker: docker as Docker,
      leases: more.leases ?? leases,
      probe: async () => ({ kind: 'ready' }),
      readControl: async () => ({ kind: 'unreachable', message: '', at: 0 }),
      random: () => 0.5,
      record: (event) => events.push(event),
      log: pino({ level: 'silent' }),
      newReconcileId: () => 'r',
      peers: { ...NO_PEERS, ...more.peers },
    })
  return { clock, store, process, events }
}

test('a fleet is looked at as soon as it is declared, also where no term can begin', async () => {
  const { clock, process } = await bench()
  const docker: Partial<Docker> = {
    list: async () => {
      throw new DockerUnreachable('there is no such socket')
    },
  }
  // As a standby, or while the daemon is away: nobody leads.
  const leases: LeaseSource = { campaign: () => new Promise(() => {}) }
  const fleets = process('me', docker, { leases })
  await fleets.rule([home])
  await clock.settle()
  expect(fleets.trouble('home')?.message).toBe('there is no such socket')
})

describe('processes on one store', () => {
  test('hand over at a graceful end: the next one leads at once', async () => {
    const { clock, process } = await bench()
    const [one, other] = [process('one'), process('other')]
    const quit = new AbortController()
    const serving = one.serve(quit.signal)
    await one.rule([home])
    await clock.settle()
    await other.rule([home])
    await clock.advance(5_000)
    const epoch = one.leads().home?.epoch ?? 0
    expect(other.leads()).toEqual({})
    quit.abort()
    await clock.settle()
    await serving
    expect(one.leads()).toEqual({})
    expect(other.leads().home?.epoch).toBeGreaterThan(epoch)
  })

  test('begin to lead with what rules now, and not a fleet that another one has deleted', async () => {
    const { clock, process, events } = await bench()
    const standby = process('standby', EMPTY, {
      peers: {
        // As in app.ts: what rules is read anew, and the fleet is let go amid its own beginning.
        refresh: () => standby.rule([]),
      },
    })
    await standby.rule([home])
    await clock.advance(3_000)
    expect(standby.leads()).toEqual({})
    expect([...standby.ruling()]).toEqual([])
    expect(events).toEqual([])
  })

  test('publish what their files disagree on for as long as they do', async () => {
    const { clock, process, store } = await bench()
    let conditions: readonly PlannedCondition[] = []
    const fleets = process('me', EMPTY, { peers: { conditions: () => conditions } })
    const published = async () => {
      await clock.advance(1_000)
      const [status] = await store.statuses()
      return status?.conditions.map(({ type }) => type)
    }
    await fleets.rule([home])
    expect(await published()).not.toContain('SpecMismatch')
    conditions = [
      { type: 'SpecMismatch', status: 'True', reason: 'FilesDiffer', message: 'they differ' },
    ]
    fleets.reconsider()
    expect(await published()).toContain('SpecMismatch')
    conditions = []
    fleets.reconsider()
    expect(await published()).not.toContain('SpecMismatch')
  })
})

describe('a term that does not let go', () => {
  test('rejects what keeps the process alive, and holds up no other end (I7)', async () => {
    const { clock, process } = await bench()
    // A call that heeds no signal.
    const fleets = process('me', { ...EMPTY, hasImage: () => new Promise(() => {}) })
    const serving = fleets.serve(new AbortController().signal)
    const outcome = serving.then(
      () => 'served to the end',
      (error: unknown) => error,
    )
    await fleets.rule([home])
    await clock.advance(1_000)
    expect(fleets.leads().home).toBeDefined()
    const leaving = fleets.rule([]).catch(() => 'stuck')
    await clock.advance(6_000)
    expect(await outcome).toBeInstanceOf(TermStuck)
    expect(await leaving).toBe('stuck')
    await fleets[Symbol.asyncDispose]()
  })
})
