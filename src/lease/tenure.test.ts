import { describe, expect, it } from 'vitest'
import { scriptServers } from '../../test/lease/scripted-servers.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { makeClock } from '../time/clock.ts'
import { LeaseLost } from './lease.ts'
import { LeaseServersAway } from './servers.ts'
import { startStopwatch } from './stopwatch.ts'
import { keepTenure } from './tenure.ts'
import { leaseTiming } from './timing.ts'

/** With the defaults: ttl 6 s, renewed every 2 s, and 4.8 s after the last that was granted it is over. */
const DEADLINE_MS = 4_800

/** A process that was just granted the lease of `home`. */
function holder() {
  const clock = makeVirtualClock()
  const servers = scriptServers(clock)
  const process = clock.process('a')
  const tenure = keepTenure(
    {
      ...{ fleet: 'home', servers, clock: process.clock, timing: leaseTiming() },
      random: () => 0.5,
    },
    servers.grant,
    startStopwatch(process.clock),
  )
  const why = () => {
    try {
      tenure.assertHeld()
      return 'held'
    } catch (error) {
      expect(error).toBeInstanceOf(LeaseLost)
      return (error as Error).message
    }
  }
  return { clock, servers, process, tenure, why }
}

const away = () => {
  throw new LeaseServersAway('2 of 3 lease servers do not answer')
}

describe('a tenure', () => {
  it('stands as long as it is renewed, and asks every 2 s from the beginning of the last', async () => {
    const { clock, servers, tenure } = holder()
    servers.always('extend', () => 'extended')
    await clock.advance(60_000)
    expect(() => tenure.assertHeld()).not.toThrow()
    expect(servers.asked.slice(0, 3).map(({ at }) => at)).toEqual([2_000, 4_000, 6_000])
    servers.ask('extend')
    await clock.advance(2_300)
    servers.last('extend').answer('extended')
    await clock.advance(2_000)
    expect(servers.last('extend').at).toBe(64_000)
  })

  it('ends by itself when no renewal is answered, and says when and why (I7)', async () => {
    const { clock, tenure, why, servers } = holder()
    await clock.advance(DEADLINE_MS - 1)
    expect(why()).toBe('held')
    expect(tenure.remainingMs()).toBe(1)
    await clock.advance(1)
    expect(tenure.lost.aborted).toBe(true)
    expect(tenure.remainingMs()).toBe(0)
    expect(why()).toBe(
      'fleet home: the lease ran out 0 ms ago, 4800 ms after it was asked for: ' +
        'no renewal was answered, or the process stood still',
    )
    await clock.advance(60_000)
    expect(servers.count('extend')).toBe(1)
    expect(clock.pending).toBe(0)
  })

  it('is found out in the very tick, before any timer, and tells all in that tick (I7)', async () => {
    const { clock, process, tenure, why } = holder()
    process.pause()
    await clock.advance(7_000)
    expect(tenure.lost.aborted).toBe(false)
    expect(why()).toContain('the lease ran out 2200 ms ago')
    expect(tenure.lost.aborted).toBe(true)
    expect(tenure.lost.reason).toBeInstanceOf(LeaseLost)
  })

  it.each(['io', 'timers'] as const)(
    'is not brought back by an answer that waited while the process stood still, %s first (I7)',
    async (first) => {
      const { clock, process, servers, tenure } = holder()
      await clock.advance(2_000)
      process.pause()
      const asked = servers.last('extend')
      process.deliver(() => asked.answer('extended'))
      await clock.advance(3_000)
      process.resume(first)
      await clock.settle()
      await clock.advance(1)
      expect(tenure.lost.aborted).toBe(true)
      expect(tenure.remainingMs()).toBe(0)
      await clock.advance(10_000)
      expect(servers.count('extend')).toBe(1)
    },
  )

  it('counts an answer from before it was asked for (I7)', async () => {
    const { clock, servers, tenure } = holder()
    await clock.advance(4_700)
    servers.last('extend').answer('extended')
    await clock.settle()
    expect(tenure.remainingMs()).toBe(2_000 + DEADLINE_MS - 4_700)
    servers.always('extend', () => 'extended')
    await clock.advance(5)
    expect(servers.last('extend').at).toBe(4_701)
  })

  it('ends at once when the servers keep it for this process no more (I7)', async () => {
    const { clock, servers, tenure, why } = holder()
    servers.always('extend', () => 'lost')
    await clock.advance(2_000)
    expect(tenure.lost.aborted).toBe(true)
    expect(why()).toBe('fleet home: the lease servers keep it for this process no more')
    expect(clock.pending).toBe(0)
  })

  it('asks again soon while the servers are away, never in a hot loop, and goes on when they are back', async () => {
    const { clock, servers, tenure } = holder()
    servers.always('extend', away)
    await clock.advance(4_000)
    const times = servers.asked.map(({ at }) => at)
    expect(times.slice(0, 3)).toEqual([2_000, 2_250, 2_500])
    expect(times.length).toBe(9)
    servers.always('extend', () => 'extended')
    await clock.advance(300)
    expect(tenure.remainingMs()).toBeGreaterThan(4_500)
  })

  it('tells that the servers were away when that has ended it, with their error as cause (I7)', async () => {
    const { clock, servers, tenure, why } = holder()
    servers.always('extend', away)
    await clock.advance(DEADLINE_MS)
    expect(why()).toContain('4800 ms after it was asked for: 2 of 3 lease servers do not answer')
    expect(tenure.lost.reason.cause).toBeInstanceOf(LeaseServersAway)
  })

  it('asks one at a time, and outlives an error that it does not know until the deadline (I7)', async () => {
    const { clock, servers, tenure } = holder()
    await clock.advance(4_000)
    expect(servers.count('extend')).toBe(1)
    servers.last('extend').fail(new TypeError('a fault of ours'))
    await clock.advance(300)
    servers.last('extend').answer('extended')
    await clock.settle()
    expect(() => tenure.assertHeld()).not.toThrow()
  })

  it('loses by a wall clock that is stepped forward, and gains nothing by one that is stepped back (I7)', async () => {
    const forward = holder()
    forward.clock.stepWall(DEADLINE_MS)
    expect(forward.why()).toContain('the lease ran out 0 ms ago')
    const back = holder()
    back.clock.stepWall(-3_600_000)
    await back.clock.advance(DEADLINE_MS)
    expect(back.tenure.lost.aborted).toBe(true)
  })

  it('survives a small step of the wall clock by renewing', async () => {
    const { clock, servers, tenure } = holder()
    servers.always('extend', () => 'extended')
    clock.stepWall(1_500)
    expect(tenure.remainingMs()).toBe(DEADLINE_MS - 1_500)
    await clock.advance(2_000)
    expect(tenure.remainingMs()).toBe(DEADLINE_MS)
    await clock.advance(30_000)
    expect(() => tenure.assertHeld()).not.toThrow()
  })

  it('ends when its process slept with the machine, though the monotonic clock stood still (I7)', () => {
    const time = { wall: 1_000_000, monotonic: 0 }
    const clock = makeClock({
      now: () => time.wall,
      monotonic: () => time.monotonic,
      timer: () => ({ [Symbol.dispose]() {} }),
    })
    const servers = scriptServers(clock)
    const parts = { fleet: 'home', servers, clock, random: () => 0, timing: leaseTiming() }
    const tenure = keepTenure(parts, servers.grant, startStopwatch(clock))
    time.wall += 60_000
    expect(() => tenure.assertHeld()).toThrow('the lease ran out 55200 ms ago')
  })

  it('is given back once, holds nothing from that tick on, and waits half a second at most', async () => {
    const { clock, servers, tenure, why } = holder()
    let ended = 0
    for (const release of [tenure.release(), tenure.release()])
      void release.then(() => {
        ended += 1
      })
    expect(why()).toBe('fleet home: the lease was given back')
    expect(tenure.lost.aborted).toBe(true)
    await clock.advance(499)
    expect([servers.count('release'), ended]).toEqual([1, 0])
    await clock.advance(1)
    expect(ended).toBe(2)
    expect(clock.pending).toBe(0)
  })

  it('is given back also after it was lost: a late renewal may have been carried out', async () => {
    const { clock, servers, tenure, why } = holder()
    servers.always('release', () => {
      throw new Error('the servers are away')
    })
    await clock.advance(DEADLINE_MS)
    await tenure.release()
    expect(servers.count('release')).toBe(1)
    expect(why()).toContain('the lease ran out')
  })

  it('is not renewed by an answer that comes after it was given back (I7)', async () => {
    const { clock, servers, tenure } = holder()
    servers.always('release', () => {})
    await clock.advance(2_000)
    await tenure.release()
    servers.last('extend').answer('extended')
    await clock.advance(10_000)
    expect(tenure.remainingMs()).toBe(0)
    expect(servers.count('extend')).toBe(1)
    expect(clock.pending).toBe(0)
  })
})
