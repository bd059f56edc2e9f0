import { beforeEach, expect, it } from 'vitest'
import { RESERVATION_TTL_MS } from '../../src/store/store.ts'
import { makeClock, systemClock } from '../../src/time/clock.ts'
import {
  acceptedSpec,
  draining,
  endpoint,
  event,
  FLEET,
  fleetStatus,
  id,
  leadFrom,
  session,
  T0,
} from '../conformance/store/sample.ts'
import { type StartedRedis, startRedis } from '../harness/redis.ts'
import {
  type ConnectedStore,
  connectStore,
  PATIENCE_MS,
  useStack,
  whenBack,
} from './redis-stores.ts'

const HOUR_MS = 3_600_000

const stack = useStack()
let server: StartedRedis

beforeEach(async () => {
  server = stack.use(await startRedis())
}, PATIENCE_MS)

const connect = (aheadMs = 0, instance = 'test') =>
  connectStore(stack, { url: server.url, aheadMs, instance })

function claim({ store, now }: ConnectedStore, name: string, lifeMs = RESERVATION_TTL_MS) {
  const wanted = session(name, { expiresAt: now() + lifeMs, lastBytesAt: now() })
  return store.reserve(FLEET, wanted, 1, now())
}

/** Milliseconds that a look at the server's clock may be wrong, and more. */
const NEAR_MS = 2_000

function expectNear(actual: number | undefined, expected: number): void {
  expect(Math.abs((actual ?? Number.NaN) - expected)).toBeLessThan(NEAR_MS)
}

it(
  'shows two processes whose clocks differ by an hour the same sessions, each by its own clock (I3)',
  async () => {
    const [right, wrong] = [await connect(), await connect(HOUR_MS)]
    expect(await claim(wrong, 'r')).toBe('reserved')
    expect(await claim(right, 's')).toBe('full')
    for (const each of [right, wrong]) {
      const memory = await each.store.readFleet(FLEET, each.now())
      expect(memory.streams.get(id('a'))).toMatchObject({ active: 1 })
      expectNear(memory.streams.get(id('a'))?.lastBytesAt, each.now())
      expectNear(memory.bornAt, each.now())
    }
    expect(await claim(right, 'r', 300)).toBe('reserved')
    await expect
      .poll(() => claim(wrong, 's'), { timeout: PATIENCE_MS / 2, interval: 100 })
      .toBe('reserved')
    expect(await claim(right, 't')).toBe('full')
  },
  PATIENCE_MS,
)

it(
  'means the same instants to both: deadlines, notes, back-off, rollouts (I5)',
  async () => {
    const [right, wrong] = [await connect(), await connect(-HOUR_MS)]
    const epoch = await leadFrom(right.store, right.now())
    const at = wrong.now()
    const times = { at, deadlineAt: at + 600_000, stopAt: at + 5 }
    expect(await wrong.store.mark(FLEET, draining(epoch, times))).toMatchObject(times)
    await wrong.store.noteReady(FLEET, epoch, id('a'), at)
    const backoff = { failures: 1, notBefore: at + 8_000.5, containerId: id('a') }
    await wrong.store.setBackoff(FLEET, epoch, '0', backoff)
    const rollout = { specHash: 'h', failedStarts: 1, lastFailure: 'x', lastFailureAt: at }
    await wrong.store.setRollout(FLEET, epoch, rollout)

    const own = await wrong.store.readFleet(FLEET, at)
    expect(own.marks.get(id('a'))).toMatchObject(times)
    expect(own.backoff.get('0')).toEqual(backoff)
    expect(own.rollout).toEqual(rollout)
    expect(own.engines.get(id('a'))).toEqual({ firstReadyAt: at })

    const seen = await right.store.readFleet(FLEET, right.now())
    const mark = seen.marks.get(id('a'))
    expectNear(mark?.at, at + HOUR_MS)
    expectNear(mark?.deadlineAt, at + HOUR_MS + 600_000)
    expectNear(mark?.stopAt, at + HOUR_MS + 5)
    expectNear(seen.backoff.get('0')?.notBefore, at + HOUR_MS + 8_000)
    expectNear(seen.rollout?.lastFailureAt, at + HOUR_MS)
    expectNear(seen.engines.get(id('a'))?.firstReadyAt, at + HOUR_MS)
  },
  PATIENCE_MS,
)

it.each([-HOUR_MS, HOUR_MS])(
  'means the same instants after a clock was set by %i ms, before anything else was looked at (I5)',
  async (stepMs) => {
    let aheadMs = 0
    const now = () => Date.now() + aheadMs
    const clock = makeClock({ ...systemClock, now })
    const stepped = await connectStore(stack, { url: server.url, clock })
    const right = await connect()
    const epoch = await leadFrom(right.store, right.now())
    const deadlineAt = right.now() + 600_000
    await right.store.mark(FLEET, draining(epoch, { containerId: id('a'), deadlineAt }))

    aheadMs = stepMs
    const { marks } = await whenBack(() => stepped.store.readFleet(FLEET, now()))
    expectNear(marks.get(id('a'))?.deadlineAt, deadlineAt + stepMs)

    aheadMs = 2 * stepMs
    const times = { at: now(), deadlineAt: now() + 600_000 }
    const mark = draining(epoch, { containerId: id('b'), ...times })
    await whenBack(() => stepped.store.mark(FLEET, mark))
    const seen = await right.store.readFleet(FLEET, right.now())
    expectNear(seen.marks.get(id('b'))?.deadlineAt, right.now() + 600_000)
  },
  PATIENCE_MS,
)

it(
  'says that no bytes ever flowed to both alike',
  async () => {
    const wrong = await connect(HOUR_MS)
    const now = wrong.now()
    const silent = session('r', { expiresAt: now + 10_000, lastBytesAt: 0 })
    await wrong.store.reserve(FLEET, silent, 1, now)
    expect((await wrong.store.readFleet(FLEET, now)).streams.get(id('a'))?.lastBytesAt).toBe(0)
  },
  PATIENCE_MS,
)

it(
  'never reserves beyond maxStreams, however many claim at once over two connections (I3)',
  async () => {
    const both = [await connect(), await connect()] as const
    const maxStreams = 7
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => {
        const { store, now } = n % 2 === 0 ? both[0] : both[1]
        const nowMs = now()
        const wanted = session(`s${n}`, { holder: `gateway-${n % 2}`, expiresAt: nowMs + 60_000 })
        return store.reserve(FLEET, wanted, maxStreams, nowMs)
      }),
    )
    expect(answers.filter((answer) => answer === 'reserved')).toHaveLength(maxStreams)
    expect(answers.filter((answer) => answer === 'full')).toHaveLength(200 - maxStreams)
    const { streams } = await both[0].store.readFleet(FLEET, Date.now())
    expect(streams.get(id('a'))).toMatchObject({ active: maxStreams, pending: 0 })
  },
  PATIENCE_MS,
)

it(
  'shows replicas each other until they have been silent for long',
  async () => {
    const [one, other] = [await connect(), await connect(HOUR_MS)]
    const replica = (holder: string, { now }: ConnectedStore) => ({
      holder,
      startedAt: now(),
      declares: {},
      leads: {},
      dockerAgoMs: null,
      lease: null,
    })
    await other.store.announce(replica('b', other))
    const look = () => one.store.announce(replica('a', one))
    const both = await look()
    expect(both.replicas.map(({ holder }) => holder)).toEqual(['a', 'b'])
    expectNear(both.replicas[1]?.startedAt, one.now())
    await expect
      .poll(async () => (await look()).replicas.map(({ holder }) => holder), {
        timeout: PATIENCE_MS / 2,
        interval: 500,
      })
      .toEqual(['a'])
  },
  PATIENCE_MS,
)

/** Every method that writes. */
async function useAll({ store, now }: ConnectedStore): Promise<void> {
  const epoch = await leadFrom(store)
  await store.mark(FLEET, draining(epoch))
  await store.noteReady(FLEET, epoch, id('a'), T0)
  await store.setBackoff(FLEET, epoch, '0', { failures: 1, notBefore: T0, containerId: id('a') })
  await store.setNodeNote(FLEET, epoch, 'gluetun-a', { hadPort: true, cures: {} })
  await store.setRollout(FLEET, epoch, {
    specHash: 'h',
    failedStarts: 1,
    lastFailure: 'x',
    lastFailureAt: T0,
  })
  await store.publish(FLEET, epoch, fleetStatus(epoch), [endpoint(epoch)])
  await store.addRequest(FLEET, { kind: 'delete' })
  await store.acceptSpec(acceptedSpec(1))
  await store.announce({
    holder: 'h',
    startedAt: T0,
    declares: {},
    leads: {},
    dockerAgoMs: null,
    lease: null,
  })
  await store.appendEvents([event()])
  await store.reserve(FLEET, session('q', { containerId: id('b') }), 1, T0)
  await store.reserve(FLEET, session('r', { containerId: id('c') }), 1, T0)
  await store.release(FLEET, 'q', Date.now())
  await store.forget(FLEET, epoch, id('a'))
  await store.readFleet(FLEET, now())
}

async function dump(prefix: string): Promise<Record<string, unknown>> {
  const keys = (await server.command('keys', `${prefix}*`)) as string[]
  const pairs = keys.sort().map(async (key) => [key, await server.command('dump', key)])
  return Object.fromEntries(await Promise.all(pairs))
}

it(
  'touches no key of another instance, nor of anybody else (I8)',
  async () => {
    await useAll(await connect(0, 'home'))
    await server.command('set', 'acefleet:homely', 'mine')
    const before = await dump('acefleet:home:')
    expect(Object.keys(before).length).toBeGreaterThan(10)
    const guest = await connect(0, 'hom')
    await useAll(guest)
    await guest.store.dropFleet(FLEET, await leadFrom(guest.store))
    expect(await dump('acefleet:home:')).toEqual(before)
    const all = Object.keys(await dump(''))
    expect(all.filter((key) => !/^acefleet:(home?:|homely$)/.test(key))).toEqual([])
  },
  PATIENCE_MS,
)

it(
  'goes on when a server that evicts keys has taken any one of them, and never reserves too many (I3)',
  async () => {
    const connected = await connect()
    await useAll(connected)
    for (const key of Object.keys(await dump('acefleet:test:'))) {
      await claim(connected, 'before')
      await server.command('del', key)
      await useAll(connected)
      const answers = [await claim(connected, 'x'), await claim(connected, 'y')]
      expect(answers.filter((answer) => answer === 'reserved').length, key).toBeLessThanOrEqual(1)
      for (const name of ['before', 'x', 'y'])
        await connected.store.release(FLEET, name, Date.now())
      expect(await claim(connected, 'z'), key).toBe('reserved')
      await connected.store.release(FLEET, 'z', Date.now())
      expect((await connected.store.events({ fleet: FLEET })).length, key).toBeGreaterThan(0)
    }
  },
  PATIENCE_MS,
)

it(
  'takes a fleet up again whose specs a server that evicts keys has taken',
  async () => {
    const { store } = await connect()
    for (const generation of [1, 2, 3]) await store.acceptSpec(acceptedSpec(generation))
    await server.command('del', 'acefleet:test:specs')
    expect(await store.acceptSpec(acceptedSpec(1))).toBe(true)
    expect(await store.acceptSpec(acceptedSpec(2))).toBe(true)
    expect(await store.acceptedSpecs()).toMatchObject([{ generation: 2 }])
  },
  PATIENCE_MS,
)

it(
  'leaves of a dropped fleet only its epoch and events',
  async () => {
    const connected = await connect()
    await useAll(connected)
    expect(Object.keys(await dump('acefleet:test:fleet:'))).not.toEqual([])
    await connected.store.dropFleet(FLEET, await leadFrom(connected.store))
    expect(Object.keys(await dump('acefleet:test:fleet:'))).toEqual([])
    for (const hash of ['statuses', 'endpoints', 'specs']) {
      expect(await server.command('hlen', `acefleet:test:${hash}`)).toBe(0)
    }
  },
  PATIENCE_MS,
)

it(
  'keeps no more than it says: events and what leads to them, generations, sessions that lapsed',
  async () => {
    const { store } = await connect()
    for (let batch = 0; batch < 6; batch++) {
      const some = Array.from({ length: 1_000 }, (_, n) =>
        event({ message: `m${batch}-${n % 950}` }),
      )
      await store.appendEvents(some)
    }
    for (let n = 1; n <= 60; n++) await store.acceptSpec(acceptedSpec(n))
    const sizes = await Promise.all([
      server.command('hlen', 'acefleet:test:events'),
      server.command('zcard', 'acefleet:test:eventOrder'),
      server.command('zcard', 'acefleet:test:eventFleets'),
      server.command('zcard', 'acefleet:test:eventFolds'),
      server.command('zcard', `acefleet:test:fleet:${FLEET}:generations`),
    ])
    expect(sizes).toEqual([5_000, 5_000, 5_000, 5_000, 50])

    const sessions = `acefleet:test:fleet:${FLEET}:sessions`
    const lapsed = `acefleet:test:fleet:${FLEET}:lapsed`
    await store.reserve(FLEET, session('r', { expiresAt: T0 + 1 }), 1, T0)
    await expect
      .poll(() => store.readFleet(FLEET, T0).then(() => server.command('zcard', lapsed)))
      .toBe(1)
    expect(await server.command('hlen', sessions)).toBe(1)
    // As if minutes had passed.
    await server.command('zincrby', lapsed, -10 * RESERVATION_TTL_MS, `${id('a')}/r`)
    await store.readFleet(FLEET, T0)
    expect(await server.command('hlen', sessions)).toBe(0)
    expect(await server.command('exists', lapsed)).toBe(0)
  },
  PATIENCE_MS,
)
