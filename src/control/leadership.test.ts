import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { idOf } from '../../test/harness/scene.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerUnreachable } from '../docker/errors.ts'
import type { ContainerSummary, DockerReader } from '../docker/port.ts'
import { type Lease, LeaseLost, nextEpoch, type Tenure } from '../lease/lease.ts'
import { StaleEpoch } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import { makeLogger } from '../telemetry/log.ts'
import type { FleetController } from './fleet-controller.ts'
import { leadForever } from './leadership.ts'

function ours(epoch: string, fleet = 'home', instance = 'default'): ContainerSummary {
  const labels = {
    'acefleet.instance': instance,
    'acefleet.fleet': fleet,
    'acefleet.epoch': epoch,
  }
  const name = `${fleet}.${epoch}`
  return {
    ...{ id: idOf(name), name, labels, state: 'running', networkMode: 'bridge' },
    ...{ image: 'engine', createdAt: 0 },
  }
}

/** A process that wants to lead `home`, and all that can be done to it. */
function bench(campaign?: Error) {
  const clock = makeVirtualClock()
  const quit = new AbortController()
  const said: string[] = []
  const lines: string[] = []
  const world = {
    rows: [] as ContainerSummary[] | Error,
    campaign,
    stored: 0,
    /** Of the term that is served: ends it from within or from without. */
    report: (_: Error) => {},
    lose: new AbortController(),
  }
  const controller: Partial<FleetController> = {
    lead(lease: Lease, onLost) {
      said.push(`leads ${lease.epoch - clock.now()}`)
      world.report = onLost
    },
    standDown: async () => void said.push('stands down'),
  }
  const tenure = (): Tenure => {
    world.lose = new AbortController()
    const { signal } = world.lose
    return {
      fleet: 'home',
      assertHeld: () => signal.throwIfAborted(),
      lost: signal,
      epochFloor: async () => 0,
      witness: async () => true,
      remainingMs: () => Number.POSITIVE_INFINITY,
      release: async () => void said.push('releases'),
    }
  }
  const docker: Partial<DockerReader> = {
    async list() {
      if (world.rows instanceof Error) throw world.rows
      return world.rows
    },
  }
  const store: Partial<Store> = {
    async openTerm(_, __, label, now) {
      world.stored = nextEpoch(world.stored, label, now)
      return nextEpoch(world.stored - 1, label, 0)
    },
  }
  const events: NewFleetEvent[] = []
  const done = leadForever(
    {
      ...{ fleet: 'home', instance: 'default', holder: 'me', clock },
      leases: {
        async campaign(_, signal) {
          signal.throwIfAborted()
          if (world.campaign !== undefined) throw world.campaign
          return tenure()
        },
      },
      docker: docker as DockerReader,
      store: store as Store,
      record: (event) => events.push(event),
      log: makeLogger({
        ...{ level: 'info', pretty: false, colour: false, clock },
        to: { write: (line) => lines.push(JSON.parse(line).msg) },
      }),
      controller: controller as FleetController,
    },
    quit.signal,
  )
  return { clock, quit, said, lines, world, events, done }
}

describe('leading', () => {
  it('begins under an epoch above every label of ours, and no other (I6)', async () => {
    const { clock, said, world } = bench()
    const ahead = clock.now() + 5_000
    world.rows = [
      ours(String(ahead)),
      ours('7'),
      ours('no number'),
      ours(String(ahead + 900), 'other'),
      ours(String(ahead + 900), 'home', 'another instance'),
    ]
    await clock.settle()
    expect(said).toEqual(['leads 5001'])
  })

  it('waits for Docker before it begins, and says why once (I6)', async () => {
    const { clock, said, world, lines } = bench()
    world.rows = new DockerUnreachable('no such socket')
    await clock.advance(5_500)
    expect(said).toEqual([])
    world.rows = []
    await clock.advance(1_000)
    expect(said).toEqual(['leads 0'])
    expect(lines.filter((line) => line.includes('no such socket'))).toHaveLength(1)
  })

  it('ends when another epoch is met, and is tried for again, higher (I6)', async () => {
    const { clock, said, world, events } = bench()
    await clock.settle()
    world.rows = [ours(String(clock.now() + 60_000))]
    world.report(new StaleEpoch('another controller acts on this fleet'))
    await clock.advance(1_100)
    expect(said.slice(0, 3)).toEqual(['leads 0', 'stands down', 'stands down'])
    expect(said.slice(3)).toEqual(['releases', 'leads 59001'])
    expect(events.map(({ reason }) => reason)).toEqual(['LeaseGained', 'LeaseLost', 'LeaseGained'])
    expect(events[1]?.message).toContain('another controller acts on this fleet')
  })

  it('ends when the lease is lost, and is tried for again', async () => {
    const { clock, said, world } = bench()
    await clock.settle()
    world.lose.abort(new LeaseLost('not renewed in time'))
    await clock.advance(1_100)
    expect(said).toEqual(['leads 0', 'stands down', 'stands down', 'releases', 'leads 0'])
  })

  it('is tried for again when a campaign fails', async () => {
    const { clock, said, world, lines } = bench(new Error('no quorum'))
    await clock.advance(3_000)
    expect(said).toEqual([])
    world.campaign = undefined
    await clock.advance(1_000)
    expect(said.at(-1)).toMatch(/^leads/)
    expect(lines).toContain('could not lead, trying again')
  })

  it('ends in order with the process: stands down before it gives the lease back (I7)', async () => {
    const { clock, said, quit, done, events } = bench()
    await clock.settle()
    quit.abort(new Error('the process is ending'))
    await done
    expect(said.at(-1)).toBe('releases')
    expect(said.indexOf('stands down')).toBeLessThan(said.indexOf('releases'))
    expect(events.map(({ reason }) => reason)).toEqual(['LeaseGained'])
  })

  it('ends with the process also while it waits to begin', async () => {
    const { clock, quit, world, done, said } = bench()
    world.rows = new DockerUnreachable('no such socket')
    await clock.advance(500)
    quit.abort(new Error('the process is ending'))
    await clock.advance(1_000)
    await done
    expect(said.at(-1)).toBe('releases')
  })

  it('leaves nothing behind, however many terms come and go', async () => {
    const { clock, quit, world } = bench()
    for (let term = 0; term < 30; term++) {
      await clock.advance(1_500)
      world.lose.abort(new LeaseLost('not renewed in time'))
    }
    await clock.advance(1_500)
    expect(getEventListeners(quit.signal, 'abort').length).toBeLessThanOrEqual(3)
  })
})
