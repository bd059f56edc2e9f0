import { describe, expect, it } from 'vitest'
import { scriptServers } from '../../test/lease/scripted-servers.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { servedLeaseSource } from './keeper.ts'
import type { Tenure } from './lease.ts'
import { LeaseServersAway } from './servers.ts'
import { leaseTiming } from './timing.ts'

const away = () => {
  throw new LeaseServersAway('2 of 3 lease servers do not answer')
}

/** A standby that asks for `home`, with servers that answer as told. */
function standby(random: () => number = () => 0.5) {
  const clock = makeVirtualClock()
  const servers = scriptServers(clock)
  const source = servedLeaseSource({ servers, clock, random, timing: leaseTiming() })
  const quit = new AbortController()
  const outcome: { tenure?: Tenure; error?: unknown } = {}
  const campaign = () =>
    source.campaign('home', quit.signal).then(
      (tenure) => {
        outcome.tenure = tenure
      },
      (error: unknown) => {
        outcome.error = error
      },
    )
  const waits = () =>
    servers.asked
      .filter(({ what }) => what === 'acquire')
      .map(({ at }, n, all) => at - (all[n - 1]?.at ?? 0))
      .slice(1)
  return { clock, servers, quit, outcome, campaign, waits }
}

describe('a campaign', () => {
  it('asks at once, then twice a second while somebody else leads', async () => {
    const { clock, servers, campaign, waits } = standby()
    servers.always('acquire', () => undefined)
    void campaign()
    await clock.advance(2_100)
    expect(waits()).toEqual([500, 500, 500, 500])
  })

  it('spreads its attempts by a fifth either way, so that standbys do not ask in step', async () => {
    const draws = [0, 1, 0.25]
    const { clock, servers, campaign, waits } = standby(() => draws.shift() ?? 0.5)
    servers.always('acquire', () => undefined)
    void campaign()
    await clock.advance(2_000)
    expect(waits()).toEqual([400, 600, 450, 500])
  })

  it('asks more rarely while the servers are away, and as before when they are back', async () => {
    const { clock, servers, campaign, waits } = standby()
    servers.always('acquire', away)
    void campaign()
    await clock.advance(60_000)
    expect(waits().slice(0, 4)).toEqual([750, 1_000, 1_000, 1_000])
    expect(waits().length).toBeLessThan(62)
    servers.always('acquire', () => undefined)
    await clock.advance(2_600)
    expect(waits().slice(-2)).toEqual([500, 500])
  })

  it('asks once at a time, however long an answer takes', async () => {
    const { clock, servers, campaign } = standby()
    void campaign()
    await clock.advance(10_000)
    expect(servers.count('acquire')).toBe(1)
  })

  it('ends with the reason of its signal while it waits', async () => {
    const { clock, servers, campaign, outcome, quit } = standby()
    servers.always('acquire', () => undefined)
    void campaign()
    await clock.advance(1_000)
    quit.abort(new Error('shutting down'))
    await clock.settle()
    expect(outcome.error).toEqual(new Error('shutting down'))
    await clock.advance(10_000)
    expect(servers.count('acquire')).toBe(3)
    expect(clock.pending).toBe(0)
  })

  it('asks nothing when it is called off before it begins', async () => {
    const { servers, campaign, outcome, quit } = standby()
    quit.abort(new Error('shutting down'))
    await campaign()
    expect(outcome.error).toEqual(new Error('shutting down'))
    expect(servers.asked).toEqual([])
  })

  it('gives back what it was granted after it was called off', async () => {
    const { clock, servers, campaign, outcome, quit } = standby()
    servers.always('release', () => {})
    void campaign()
    await clock.settle()
    quit.abort(new Error('shutting down'))
    servers.last('acquire').answer(servers.grant)
    await clock.settle()
    expect(servers.count('release')).toBe(1)
    expect(outcome).toEqual({ error: new Error('shutting down') })
    expect(clock.pending).toBe(0)
  })

  it('gives back a grant of which less than half is left, and asks again (I7)', async () => {
    const { clock, servers, campaign, outcome } = standby()
    servers.always('release', () => {})
    void campaign()
    await clock.advance(3_100)
    servers.last('acquire').answer(servers.grant)
    await clock.settle()
    expect(outcome.tenure).toBeUndefined()
    expect(servers.count('release')).toBe(1)
    await clock.advance(1_000)
    servers.last('acquire').answer(servers.grant)
    await clock.settle()
    expect(outcome.tenure?.remainingMs()).toBeGreaterThan(4_000)
  })

  it('counts a grant from before it was asked for, by the clock that ran further (I7)', async () => {
    const { clock, servers, campaign, outcome } = standby()
    void campaign()
    await clock.advance(1_000)
    clock.stepWall(500)
    servers.last('acquire').answer(servers.grant)
    await clock.settle()
    expect(outcome.tenure?.remainingMs()).toBe(3_300)
  })

  it('ends with an error that it does not know, instead of asking for ever', async () => {
    const { servers, campaign, outcome } = standby()
    servers.always('acquire', () => {
      throw new TypeError('a fault of ours')
    })
    await campaign()
    expect(outcome.error).toEqual(new TypeError('a fault of ours'))
  })

  it('gives a tenure that knows its fleet and asks the servers for epochs', async () => {
    const { servers, campaign, outcome } = standby()
    servers.always('acquire', () => servers.grant)
    await campaign()
    const { tenure } = outcome
    expect(tenure?.fleet).toBe('home')
    const floor = tenure?.epochFloor()
    servers.last('readEpoch home').answer(41)
    expect(await floor).toBe(41)
    const taken = tenure?.witness(42 as never)
    servers.last('raiseEpoch home 42').fail(new LeaseServersAway('none answered'))
    await expect(taken).rejects.toThrow(LeaseServersAway)
  })
})
