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
import type { Condition } from '../telemetry/status.ts'
import type { FleetController } from './fleet-controller.ts'
import { makeLeadership } from './leadership.ts'
import { NO_PEERS } from './peers.ts'
import { TermStuck } from './term-stuck.ts'

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
    /** Another replica lives. */
    others: false,
    /** What the controller cannot see. */
    trouble: undefined as Condition | undefined,
    /** Docker answers that replica. */
    seesDocker: true,
    /** For how long Docker has owed an answer. */
    owed: () => 0,
    /** What ending a term waits for. */
    holdsOn: Promise.resolve(),
    refreshed: 0,
    /** What rules cannot be read anew. */
    hangs: false,
    met: 0,
    seenLargest: [] as number[],
  }
  const controller: Pick<FleetController, 'lead' | 'standDown' | 'trouble'> = {
    lead(lease: Lease, onLost) {
      said.push(`leads ${lease.epoch - clock.now()}`)
      world.report = onLost
    },
    async standDown() {
      said.push('stands down')
      await world.holdsOn
    },
    trouble: () => world.trouble,
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
      world.seenLargest.push(label)
      world.stored = nextEpoch(world.stored, label, now)
      return nextEpoch(world.stored - 1, label, 0)
    },
  }
  const events: NewFleetEvent[] = []
  const leadership = makeLeadership({
    ...{ fleet: 'home', instance: 'default', holder: 'me', clock },
    leases: {
      async campaign(_, signal) {
        signal.throwIfAborted()
        if (world.campaign !== undefined) throw world.campaign
        return tenure()
      },
    },
    docker: docker as DockerReader,
    answers: { owedMs: () => world.owed() },
    store: store as Store,
    record: (event) => events.push(event),
    log: makeLogger({
      ...{ level: 'info', pretty: false, colour: false, clock },
      to: { write: (line) => lines.push(JSON.parse(line).msg) },
    }),
    controller,
    peers: {
      ...NO_PEERS,
      hasOthers: () => world.others,
      refresh: async (signal) => {
        world.refreshed += 1
        if (world.hangs) await clock.sleep(Number.MAX_SAFE_INTEGER, signal)
      },
      seeDocker: () => world.others && world.seesDocker,
      patience: { troubleMs: 18_000, dockerMs: 9_000 },
    },
    largestSeen: () => world.met,
  })
  const done = leadership.serve(quit.signal)
  done.catch(() => {})
  return { clock, quit, said, lines, world, events, done, leadership }
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
    expect(said.slice(0, 3)).toEqual(['leads 0', 'stands down', 'releases'])
    expect(said.slice(3)).toEqual(['leads 59001'])
    expect(events.map(({ reason }) => reason)).toEqual(['LeaseGained', 'LeaseLost', 'LeaseGained'])
    expect(events[1]?.message).toContain('another controller acts on this fleet')
  })

  it('ends when the lease is lost, and is tried for again', async () => {
    const { clock, said, world } = bench()
    await clock.settle()
    world.lose.abort(new LeaseLost('not renewed in time'))
    await clock.advance(1_100)
    expect(said).toEqual(['leads 0', 'stands down', 'releases', 'leads 0'])
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

  it('is tried for again at once after a term that lasted, and never in a hot loop', async () => {
    const { clock, said, world } = bench()
    await clock.advance(5_000)
    world.lose.abort(new LeaseLost('not renewed in time'))
    await clock.settle()
    expect(said.at(-1)).toMatch(/^leads/)
    const before = said.length
    world.lose.abort(new LeaseLost('not renewed in time'))
    await clock.advance(900)
    expect(said.slice(before)).toEqual(['stands down', 'releases'])
  })

  it('begins above every epoch that this process has met, its own last one included (I6)', async () => {
    const { clock, world } = bench()
    const ahead = clock.now() + 70_000
    world.met = ahead
    await clock.advance(1_000)
    world.met = 0
    world.stored = 0
    world.lose.abort(new LeaseLost('not renewed in time'))
    await clock.settle()
    expect(world.seenLargest).toEqual([ahead, ahead + 1])
  })

  it('begins when what rules here has been read anew: another replica may have changed it', async () => {
    const { clock, said, world } = bench()
    await clock.settle()
    expect([world.refreshed, said.length]).toEqual([1, 1])
  })

  it('is told with the time that is left', async () => {
    const { clock, leadership, world } = bench()
    expect(leadership.held()).toBeUndefined()
    await clock.settle()
    expect(leadership.held()).toEqual({ epoch: world.stored, leaseMs: null })
    world.lose.abort(new LeaseLost('not renewed in time'))
    await clock.settle()
    expect(leadership.held()).toBeUndefined()
  })
})

describe('a term that does not let go', () => {
  it('ends the process, which is told why (I7)', async () => {
    const { clock, done, world, said } = bench()
    await clock.settle()
    world.holdsOn = new Promise(() => {})
    world.lose.abort(new LeaseLost('not renewed in time'))
    await clock.advance(4_500)
    expect(said.at(-1)).toBe('stands down')
    await clock.advance(1_000)
    await expect(done).rejects.toBeInstanceOf(TermStuck)
    expect(said.at(-1)).toBe('releases')
  })

  it('is waited for as long as it may take', async () => {
    const { clock, world, said } = bench()
    await clock.settle()
    const { promise, resolve } = Promise.withResolvers<void>()
    world.holdsOn = promise
    world.lose.abort(new LeaseLost('not renewed in time'))
    await clock.advance(4_500)
    resolve()
    await clock.advance(1_000)
    expect(said.slice(-2)).toEqual(['releases', expect.stringMatching(/^leads/)])
  })
})

describe('a leader that sees nothing', () => {
  const blind = (since: number): Condition => ({
    ...{ type: 'DockerUnreachable', status: 'True', reason: 'DockerUnreachable', since },
    message: 'no such socket',
  })

  it('lets another replica try after a while, and comes back when it sees again', async () => {
    const { clock, said, world, events } = bench()
    world.others = true
    await clock.advance(2_000)
    world.trouble = blind(clock.now())
    await clock.advance(15_000)
    expect(said).toEqual(['leads 0'])
    await clock.advance(10_000)
    expect(said).toEqual(['leads 0', 'stands down', 'releases'])
    expect(events.at(-1)?.message).toContain('no such socket')
    await clock.advance(60_000)
    expect(said).toHaveLength(3)
    world.trouble = undefined
    await clock.advance(1_100)
    expect(said.at(-1)).toMatch(/^leads/)
  })

  it.each([-3_600_000, 3_600_000])(
    'counts by a clock that is never set: the wall clock moves by %i ms',
    async (stepMs) => {
      const { clock, said, world } = bench()
      world.others = true
      await clock.advance(2_000)
      world.trouble = blind(clock.now())
      await clock.advance(5_000)
      clock.stepWall(stepMs)
      await clock.advance(10_000)
      expect(said).toEqual(['leads 0'])
      await clock.advance(10_000)
      expect(said).toEqual(['leads 0', 'stands down', 'releases'])
      await clock.advance(60_000)
      expect(said).toHaveLength(3)
    },
  )

  it('goes on where it is alone: nobody could do better', async () => {
    const { clock, said, world } = bench()
    await clock.advance(2_000)
    world.trouble = blind(clock.now())
    await clock.advance(120_000)
    expect(said).toEqual(['leads 0'])
  })

  it('lets another try soon where Docker hangs, but only one whom it answers', async () => {
    const { clock, said, world, events } = bench()
    await clock.advance(2_000)
    const hungAt = clock.monotonic()
    world.owed = () => clock.monotonic() - hungAt
    world.others = true
    world.seesDocker = false
    await clock.advance(60_000)
    expect(said).toEqual(['leads 0'])
    world.seesDocker = true
    await clock.advance(600)
    expect(said).toEqual(['leads 0', 'stands down', 'releases'])
    expect(events.at(-1)?.message).toMatch(/the Docker daemon has not answered for \d+ s/)
    await clock.advance(60_000)
    expect(said).toHaveLength(3)
    world.owed = () => 0
    await clock.advance(600)
    expect(said.at(-1)).toMatch(/^leads/)
  })

  it('keeps the lease longer each time: what is slow for everybody does not go round and round', async () => {
    const { clock, said, world } = bench()
    world.others = true
    const heldMs: number[] = []
    for (let term = 0; term < 5; term++) {
      const before = said.length
      await clock.runUntil(() => said.length > before, 60_000)
      const since = clock.monotonic()
      world.owed = () => clock.monotonic() - since
      await clock.runUntil(() => said.at(-1) === 'releases', 200_000)
      heldMs.push(Math.round((clock.monotonic() - since) / 9_000))
      world.owed = () => 0
    }
    expect(heldMs).toEqual([1, 2, 4, 8, 8])
  })

  it('lets another one try also when its term could not even begin, and waits a little itself', async () => {
    const { clock, said, world } = bench()
    world.others = true
    world.rows = new DockerUnreachable('no such socket')
    await clock.advance(19_000)
    expect(said).toEqual(['stands down', 'releases'])
    world.rows = []
    await clock.advance(500)
    expect(said).toHaveLength(2)
    await clock.advance(2_500)
    expect(said.at(-1)).toMatch(/^leads/)
  })

  it('lets another one try also when it does not get to know what rules', async () => {
    const { clock, said, world, lines } = bench()
    world.others = true
    world.hangs = true
    await clock.advance(40_000)
    expect(said.slice(0, 2)).toEqual(['stands down', 'releases'])
    expect(lines.join()).toContain('what rules')
    world.hangs = false
    await clock.advance(40_000)
    expect(said.at(-1)).toMatch(/^leads/)
  })

  it.each(['has failed', 'hangs'])(
    'is not campaigned for by a standby whose Docker %s, until that is alone',
    async (how) => {
      const { clock, said, world } = bench(new Error('held by another'))
      world.others = true
      if (how === 'hangs') world.owed = () => 3_500
      else world.trouble = blind(clock.now())
      await clock.advance(3_000)
      world.campaign = undefined
      await clock.advance(30_000)
      expect(said).toEqual([])
      world.others = false
      await clock.advance(1_100)
      expect(said).toHaveLength(1)
    },
  )
})
