import { describe, expect, it } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { Epoch } from '../lease/lease.ts'
import { StoreUnavailable } from '../store/errors.ts'
import { type Glance, REPLICA_TTL_MS, type Replica } from '../store/store.ts'
import { makeLogger } from '../telemetry/log.ts'
import { makeReplicas } from './replicas.ts'

/** What a shared store keeps of replicas, and processes beside it. */
function bench() {
  const clock = makeVirtualClock()
  const world = {
    isAway: false,
    revision: 1,
    incarnation: 'first',
    epochs: {} as Record<string, number>,
    said: new Map<string, { readonly replica: Replica; readonly at: number }>(),
  }
  const store = {
    async announce(replica: Replica): Promise<Glance> {
      if (world.isAway) throw new StoreUnavailable('Redis is away')
      const now = clock.monotonic()
      world.said.set(replica.holder, { replica, at: now })
      const { incarnation, revision } = world
      const replicas = [...world.said.values()]
        .map((each) => ({ ...each.replica, agoMs: now - each.at }))
        .filter(({ agoMs }) => agoMs < REPLICA_TTL_MS)
      return { incarnation, revision, replicas, epochs: new Map(Object.entries(world.epochs)) }
    },
  }
  const process = (holder: string, isOnlooker = false) => {
    const heard: string[] = []
    const lines: string[] = []
    const own = {
      leads: {} as Replica['leads'],
      declares: {} as Replica['declares'],
      dockerAgoMs: null as number | null,
    }
    const quit = new AbortController()
    const replicas = makeReplicas({
      ...{ store, clock, holder, startedAt: 5, isOnlooker },
      log: makeLogger({
        ...{ level: 'info', pretty: false, colour: false, clock },
        to: { write: (line) => lines.push(JSON.parse(line).msg) },
      }),
      declares: () => own.declares,
      leads: () => own.leads,
      dockerAgoMs: () => own.dockerAgoMs,
      lease: null,
      onChange: () => heard.push('change'),
      onAway: () => heard.push('away'),
      onGlance: () => {},
    })
    const done = replicas.follow(quit.signal)
    return { replicas, heard, lines, own, quit, done }
  }
  return { clock, world, process }
}

const epoch = (n: number) => n as Epoch

describe('a process among replicas', () => {
  it('hears of the others within a second, and of their end', async () => {
    const { clock, process } = bench()
    const [one, other] = [process('one:1'), process('other:2')]
    await clock.advance(1_100)
    expect(one.replicas.views().map(({ holder }) => holder)).toEqual(['one:1', 'other:2'])
    expect(one.replicas.others()).toHaveLength(1)
    other.quit.abort()
    await clock.advance(6_100)
    expect(one.replicas.others()).toEqual([])
  })

  it('is no replica to the others when it can lead nothing, and still knows who leads', async () => {
    const { clock, process } = bench()
    const [one, onlooker] = [process('one:1'), process('onlooker:2', true)]
    one.own.leads = { home: { epoch: epoch(7), leaseMs: 5_000 } }
    await clock.advance(2_100)
    expect(one.replicas.others()).toEqual([])
    for (const { replicas } of [one, onlooker])
      expect(replicas.views().map(({ holder }) => holder)).toEqual(['one:1'])
    expect(onlooker.replicas.leadership('home')).toMatchObject({ holder: 'one:1', isSelf: false })
  })

  it('is told when anything that all go by has changed, and only then', async () => {
    const { clock, process, world } = bench()
    const { heard } = process('one:1')
    await clock.advance(5_000)
    expect(heard).toEqual([])
    world.revision += 1
    await clock.advance(1_000)
    expect(heard).toHaveLength(1)
    world.incarnation = 'second'
    await clock.advance(1_000)
    expect(heard).toHaveLength(2)
    await clock.advance(5_000)
    expect(heard).toHaveLength(2)
  })

  it('says once that the store is away and once that it is back, and has its passes find out', async () => {
    const { clock, process, world } = bench()
    const { heard, lines, replicas } = process('one:1')
    await clock.advance(1_100)
    world.isAway = true
    await clock.advance(10_000)
    expect(lines).toEqual(['Redis is away'])
    expect(replicas.trouble()).toBe('Redis is away')
    expect(heard).toEqual(['away'])
    world.isAway = false
    await clock.advance(1_000)
    expect(lines.at(-1)).toBe('the store answers again')
    expect(replicas.trouble()).toBeUndefined()
    expect(heard).toEqual(['away', 'change'])
  })

  it('leaves no trace of what it led and declared when it ends', async () => {
    const { clock, process } = bench()
    const [one, other] = [process('one:1'), process('other:2')]
    other.own.leads = { home: { epoch: epoch(7), leaseMs: 5_000 } }
    other.own.declares = { home: { hash: 'h', source: 'home.yaml:1' } }
    await clock.advance(2_100)
    expect(one.replicas.declaredElsewhere('home')).toBe('home.yaml:1 of replica other:2')
    other.quit.abort()
    await other.done
    await other.replicas.leave()
    await clock.advance(1_000)
    expect(one.replicas.declaredElsewhere('home')).toBeUndefined()
    expect(one.replicas.leadership('home')).toBeUndefined()
  })
})

describe('who leads', () => {
  it('is what its own leases say before anything that was heard', async () => {
    const { clock, process } = bench()
    const { own, replicas } = process('one:1')
    expect(replicas.leadership('home')).toBeUndefined()
    own.leads = { home: { epoch: epoch(7), leaseMs: null } }
    await clock.advance(0)
    expect(replicas.leadership('home')).toEqual({
      ...{ holder: 'one:1', epoch: 7, leaseMs: null, isSelf: true },
    })
  })

  it('is known of others for as long as their lease lasts', async () => {
    const { clock, process, world } = bench()
    const [one, other] = [process('one:1'), process('other:2')]
    other.own.leads = { home: { epoch: epoch(7), leaseMs: 4_800 } }
    await clock.advance(2_500)
    const known = one.replicas.leadership('home')
    expect(known).toMatchObject({ holder: 'other:2', epoch: 7, isSelf: false })
    expect(known?.leaseMs).toBeLessThanOrEqual(4_800)
    world.isAway = true
    await clock.advance(3_000)
    expect(one.replicas.leadership('home')?.leaseMs).toBeLessThan(2_000)
    await clock.advance(2_000)
    expect(one.replicas.leadership('home')).toBeUndefined()
  })

  it('is the one with the higher epoch, where two believe so', async () => {
    const { clock, process } = bench()
    const [one, other] = [process('one:1'), process('other:2')]
    one.own.leads = { home: { epoch: epoch(7), leaseMs: 4_000 } }
    other.own.leads = { home: { epoch: epoch(8), leaseMs: 4_000 } }
    await clock.advance(2_100)
    expect(one.replicas.leadership('home')?.holder).toBe('other:2')
    expect(other.replicas.leadership('home')?.holder).toBe('other:2')
  })

  it('leaves the largest epoch behind, also when the store forgets it (I6)', async () => {
    const { clock, process, world } = bench()
    const { replicas } = process('one:1')
    world.epochs = { home: 9 }
    await clock.advance(1_100)
    world.epochs = {}
    await clock.advance(1_100)
    expect(replicas.largestEpoch('home')).toBe(9)
    expect(replicas.largestEpoch('other')).toBe(0)
  })
})
