import { describe, expect, test } from 'vitest'
import { endpoint } from '../../test/conformance/store/sample.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { Epoch } from '../lease/lease.ts'
import { startStopwatch } from '../lease/stopwatch.ts'
import { StoreUnavailable } from '../store/errors.ts'
import { RESERVATION_TTL_MS, type Reservation, type Reserved } from '../store/store.ts'
import { makeLogger } from '../telemetry/log.ts'
import { keepTenancy } from './tenancy.ts'

type Answer = Reserved | 'away'

/** A tenancy in a process of its own, and the store's side of it. */
function world(takesMs = 10) {
  const world = makeVirtualClock()
  const process = world.process('gateway')
  const { clock } = process
  const log: string[] = []
  const reserved: Reservation[] = []
  let answer: Answer = 'reserved'
  /** The store carries a request out when it arrives; its answer takes time, and this process must run to get it. */
  const reply = <T>(value: () => T): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const outcome = (() => {
      try {
        const result = value()
        return () => resolve(result)
      } catch (error) {
        return () => reject(error)
      }
    })()
    world.timer(takesMs, () => process.deliver(outcome))
    return promise
  }
  const store = {
    reserve: (_fleet: string, wanted: Reservation) =>
      reply((): Reserved => {
        if (answer === 'away') throw new StoreUnavailable('away')
        log.push(`reserve ${wanted.state} ${wanted.content}: ${answer}`)
        reserved.push(wanted)
        return answer
      }),
    identify: () =>
      reply(() => {
        log.push('identify')
        return { kind: 'only' as const }
      }),
    release: () => reply(() => void log.push('release')),
  }
  const quiet = {
    level: 'error',
    pretty: false,
    colour: false,
    clock,
    to: globalThis.process.stderr,
  }
  const tenancy = keepTenancy(
    {
      ...{ store, clock, log: makeLogger({ ...quiet, level: 'error' }), fleet: 'home' },
      figures: () => ({ viewers: 2, startedAt: 1, bufferedMs: clock.monotonic(), skippedBytes: 0 }),
    },
    { id: 's', content: 'id:a', holder: 'g', relay: '', endpoint: endpoint(1 as Epoch) },
    startStopwatch(clock),
  )
  return {
    ...{ world, process, clock, tenancy, log, reserved },
    answers: (next: Answer) => {
      answer = next
    },
  }
}

const settledState = async (promise: Promise<unknown>) => {
  let state = 'pending'
  promise.then(
    () => {
      state = 'resolved'
    },
    () => {
      state = 'rejected'
    },
  )
  await new Promise((resolve) => setImmediate(resolve))
  return state
}

describe('a place on an engine', () => {
  test('is renewed three times in its lifetime, with the time of the last bytes', async () => {
    const { world: time, tenancy, reserved, clock } = world()
    await time.advance(4_000)
    tenancy.noteBytes()
    const bytesAt = clock.now()
    await time.advance(11_500)
    expect(reserved).toHaveLength(3)
    expect(reserved[0]?.lastBytesAt).toBe(bytesAt)
    expect(tenancy.mayRead()).toBe(true)
    const lifetimes = reserved.map(
      ({ expiresAt }, n) => expiresAt - (reserved[n - 1]?.expiresAt ?? 0),
    )
    expect(lifetimes.slice(1).every((ms) => ms <= RESERVATION_TTL_MS / 3 + 20)).toBe(true)
  })

  test('tells with each renewal how the session does then, from the first one on', async () => {
    const { world: time, tenancy, reserved } = world()
    await time.advance(5_500)
    const stat = { peers: 7, downBytesPerS: 1, upBytesPerS: 1 }
    tenancy.noteStat(stat)
    await time.advance(5_000)
    tenancy.noteStat(undefined)
    await time.advance(5_000)
    expect(reserved.map((each) => each.stat)).toEqual([undefined, stat, undefined])
    const buffered = reserved.map(({ figures }) => figures?.bufferedMs ?? 0)
    expect(buffered).toEqual(buffered.toSorted((a, b) => a - b))
    expect(new Set(buffered).size).toBe(3)
    expect(reserved[0]).toMatchObject({ state: 'pending', figures: { viewers: 2, startedAt: 1 } })
  })

  test('is asserted anew before a process that stood still past its deadline reads on (I3)', async () => {
    const { world: time, process, tenancy, log } = world()
    await time.advance(5_100)
    process.pause()
    await time.advance(RESERVATION_TTL_MS + 1_000)
    process.resume('io')
    expect(tenancy.mayRead()).toBe(false)
    const held = tenancy.assertHeld()
    expect(await settledState(held)).toBe('pending')
    const before = log.length
    await time.advance(20)
    await held
    expect(log.slice(before - 1)).toContain('reserve pending id:a: reserved')
    expect(tenancy.mayRead()).toBe(true)
  })

  test('needs more than an answer from before the process stood still (I3)', async () => {
    const { world: time, process, tenancy, answers } = world(100)
    await time.advance(5_050)
    // A renewal is on its way: the store carries it out, and its answer waits for us.
    process.pause()
    await time.advance(RESERVATION_TTL_MS + 5_000)
    answers('full')
    const held = tenancy.assertHeld()
    held.catch(() => {})
    process.resume('io')
    await time.advance(500)
    await expect(held).rejects.toThrow('the place is full')
    expect(tenancy.lost.aborted).toBe(true)
  })

  test.each(['full', 'taken', 'marked'] as const)('is lost when it is %s', async (answer) => {
    const { world: time, tenancy, answers, log } = world()
    answers(answer)
    await time.advance(5_100)
    expect(tenancy.lost.aborted).toBe(true)
    expect(String(tenancy.lost.reason)).toContain(`the place is ${answer}`)
    expect(tenancy.mayRead()).toBe(false)
    await expect(tenancy.assertHeld()).rejects.toThrow(answer)
    const asked = log.length
    await time.advance(30_000)
    expect(log).toHaveLength(asked)
  })

  test.each(['away', 'unsettled'] as const)(
    'goes on while the store is %s, for as long as that lasts, and is renewed soon after',
    async (answer) => {
      const { world: time, tenancy, answers, reserved } = world()
      answers(answer)
      await time.advance(120_000)
      expect(tenancy.mayRead()).toBe(true)
      await tenancy.assertHeld()
      const before = reserved.length
      answers('reserved')
      await time.advance(1_100)
      expect(reserved.length).toBeGreaterThan(before)
    },
  )

  test('is not read on by what was known of an absent store before the process stood still (I3)', async () => {
    const { world: time, process, tenancy, answers } = world()
    answers('away')
    await time.advance(20_000)
    expect(tenancy.mayRead()).toBe(true)
    process.pause()
    await time.advance(60_000)
    answers('taken')
    process.resume('io')
    expect(tenancy.mayRead()).toBe(false)
    const held = tenancy.assertHeld()
    held.catch(() => {})
    await time.advance(100)
    await expect(held).rejects.toThrow('taken')
  })

  test('is given back behind a renewal that is on its way, and is not renewed again', async () => {
    const { world: time, tenancy, log } = world(1_000)
    await time.advance(5_500)
    const released = tenancy[Symbol.asyncDispose]()
    await time.advance(5_000)
    await released
    await time.advance(30_000)
    expect(log).toEqual(['reserve pending id:a: reserved', 'release'])
  })

  test('that could not be given back is left to lapse', async () => {
    const { world: time, tenancy, answers, log } = world()
    answers('away')
    const released = tenancy[Symbol.asyncDispose]()
    await time.advance(100)
    await expect(released).resolves.toBeUndefined()
    await time.advance(30_000)
    expect(log.filter((line) => line.startsWith('reserve'))).toEqual([])
  })

  test('is renewed by the infohash once that is known, also when a renewal fell due meanwhile', async () => {
    const { world: time, tenancy, log } = world(200)
    await time.advance(4_900)
    const identified = tenancy.identify('infohash:f')
    await time.advance(1_000)
    expect(await identified).toEqual({ kind: 'only' })
    const active = tenancy.activate()
    await time.advance(1_000)
    await active
    expect(log).toEqual([
      'identify',
      'reserve pending infohash:f: reserved',
      'reserve active infohash:f: reserved',
    ])
  })

  test('becomes active although a renewal as pending is on its way', async () => {
    const { world: time, tenancy, log } = world(200)
    await time.advance(5_100)
    const active = tenancy.activate()
    await time.advance(1_000)
    await active
    expect(log).toEqual(['reserve pending id:a: reserved', 'reserve active id:a: reserved'])
  })
})
