import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FleetView } from '../../src/api/view.ts'
import { RESERVATION_TTL_MS, type Store } from '../../src/store/store.ts'
import { engineSettings, makeRig, type Rig, tunnelled } from '../harness/acefleet.ts'
import type { AcefleetProcess } from '../harness/acefleet-process.ts'
import { hasMore, sessionOf, streamUrl, watchContent } from '../harness/audience.ts'
import { type Books, keepBooks } from '../harness/books.ts'
import { type StartedRedis, startRedis } from '../harness/redis.ts'
import type { Watcher } from '../harness/watch-stream.ts'
import { startWitness, type Witness } from '../harness/witness.ts'
import { connectStore } from '../store/redis-stores.ts'

const resources = new AsyncDisposableStack()
let rig: Rig
let redis: StartedRedis
let store: Store
let witness: Witness
let books: Books
/** The leader, and two gateways that lead nothing. */
let [leader, one, two]: AcefleetProcess[] = []
/** At both gateways the first content, which therefore one of them relays; at the second the other content too. */
let viewers: readonly Watcher[] = []

beforeAll(async () => {
  rig = resources.use(await makeRig())
  redis = resources.use(await startRedis())
  const { docker, instance, fleet } = rig
  store = (await connectStore(resources, { url: redis.url, instance })).store
  witness = resources.use(
    await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true }),
  )
  await rig.addNode('a')
  await rig.edit(
    tunnelled(rig, { replicas: 3, engine: engineSettings(rig, { maxStreams: 1 }) }, ['a']),
  )
  leader = await startReplica('leader')
  await rig.until('it leads', async () => (await lead(leader)) === leader?.holder)
  one = await startReplica('one')
  two = await startReplica('two')
  await rig.converged(3)
  books = resources.use(keepBooks(store, fleet, 1))
})

afterAll(async () => {
  for (const { response } of viewers) response.destroy()
  await resources.disposeAsync()
})

const startReplica = (name: string) =>
  rig.replica(name, { redis: redis.url, flags: ['--drain-timeout', '1m'] })

/** Whom a replica calls leader. */
async function lead(replica: AcefleetProcess | undefined) {
  return (await replica?.get<FleetView>(`/v1/fleets/${rig.fleet}`))?.leader
}

const urlOf = (replica: AcefleetProcess | undefined) => replica?.url ?? ''
const holderOf = async (word: string) => (await sessionOf(store, rig.fleet, word))?.holder

/** Every viewer gets more of a stream without a fault; how many jumps each has seen. */
async function allGoOn(): Promise<readonly number[]> {
  const from = viewers.map((watcher) => watcher.report().stamps)
  await rig.until('all viewers get more', async () =>
    viewers.every((watcher, n) => hasMore(watcher, from[n] ?? 0)),
  )
  const reports = viewers.map((watcher) => watcher.report())
  expect(reports.map(({ problems }) => problems)).toEqual([[], [], []])
  return reports.map(({ jumps }) => jumps.length)
}

/** Where the two contents are played. */
async function places() {
  const sessions = [
    await sessionOf(store, rig.fleet, 'first'),
    await sessionOf(store, rig.fleet, 'second'),
  ]
  return sessions.map((session) => session && { id: session.id, on: session.containerId })
}

describe('two gateways on one Redis', () => {
  test('play a content that both are asked for by one session (I3)', async () => {
    viewers = [
      await watchContent(urlOf(one), 'first'),
      await watchContent(urlOf(two), 'first'),
      await watchContent(urlOf(two), 'second'),
    ]
    expect(await allGoOn()).toEqual([0, 0, 0])
    expect(await holderOf('first')).toBe(one?.holder)
    expect(await holderOf('second')).toBe(two?.holder)
  })

  test('go on when another replica dies that leads: viewers notice nothing', async () => {
    await leader?.end('SIGKILL')
    await rig.until('another one leads', async () => {
      return [one?.holder, two?.holder].includes((await lead(one)) ?? '')
    })
    expect(await allGoOn()).toEqual([0, 0, 0])
  })
})

describe('a Redis', () => {
  test('that is away ends no stream and starts none; back and empty, it hears of all that run (I3, I5)', async () => {
    const before = await places()
    await redis.kill()
    // Longer than a place lives without it.
    await sleep(RESERVATION_TTL_MS + 2_000)
    const refused = await fetch(streamUrl(urlOf(one), 'third'))
    expect([refused.status, refused.headers.get('x-acefleet-reason')]).toEqual([503, 'store'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const joined = await fetch(streamUrl(urlOf(one), 'first'))
    expect(joined.status).toBe(200)
    await joined.body?.cancel()
    expect(await allGoOn()).toEqual([0, 0, 0])
    await redis.restart()
    await rig.until('the places are told', async () => {
      return JSON.stringify(await places()) === JSON.stringify(before)
    })
    const third = await watchContent(urlOf(one), 'third')
    third.response.destroy()
    expect(await allGoOn()).toEqual([0, 0, 0])
    expect(await places()).toEqual(before)
  })

  test('that forgets everything stops nothing, and gives no place twice (I3, I5)', async () => {
    const before = await places()
    await redis.flushAll()
    const third = await watchContent(urlOf(two), 'third')
    third.response.destroy()
    expect(await allGoOn()).toEqual([0, 0, 0])
    expect(await places()).toEqual(before)
  })
})

describe('a gateway', () => {
  test('that stood still gives up what another one has got meanwhile, and reads it from there (I3)', async () => {
    one?.signal('SIGSTOP')
    await rig.until('the other one has taken over', async () => {
      const session = await sessionOf(store, rig.fleet, 'first')
      return session?.holder === two?.holder && session?.state === 'active'
    })
    one?.signal('SIGCONT')
    await allGoOn()
    expect(await holderOf('first')).toBe(two?.holder)
  })

  test('that stops hands over what another one reads from it, and its own viewers go on (I3)', async () => {
    two?.signal('SIGTERM')
    await rig.until('the other one has it', async () => {
      return (await holderOf('first')) === one?.holder
    })
    await allGoOn()
    // Nor does anybody wait for a leader because of viewers.
    await rig.until('the other one leads', async () => (await lead(one)) === one?.holder)
    expect(two?.isRunning()).toBe(true)
    const refused = await fetch(streamUrl(urlOf(two), 'first'))
    expect([refused.status, refused.headers.get('x-acefleet-reason')]).toEqual([503, 'stopping'])
    for (const { response } of viewers.slice(1)) response.destroy()
    expect(await two?.ended()).toBe(0)
    expect(await holderOf('second')).toBeUndefined()
  })

  test('that is killed is followed by the one that reads from it, whose viewers stay connected (I3)', async () => {
    const three = await startReplica('three')
    const watcher = await watchContent(three.url, 'first')
    await rig.until('it plays', async () => hasMore(watcher, 0))
    expect(await holderOf('first')).toBe(one?.holder)
    await one?.end('SIGKILL')
    await rig.until('it has the place', async () => (await holderOf('first')) === three.holder)
    const { stamps } = watcher.report()
    await rig.until('it plays again', async () => hasMore(watcher, stamps))
    expect(watcher.report().problems).toEqual([])
    watcher.response.destroy()
  })
})

test('no engine had more sessions than it may, no content two, and no promise was broken (I1, I2, I3, I10, I11)', async () => {
  expect(books.violations).toEqual([])
  await witness.caughtUp()
  expect(witness.violations).toEqual([])
})
