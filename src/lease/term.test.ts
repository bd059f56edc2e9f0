import { describe, expect, it } from 'vitest'
import { type Epoch, LeaseLost, nextEpoch, type Tenure } from './lease.ts'
import { LeaseServersAway } from './servers.ts'
import { EpochContested, openTerm } from './term.ts'

type Step = 'epochFloor' | 'openTerm' | 'witness'

/** All that a term is opened with. `during` is called amid each step. */
function bench(during: (step: Step) => void = () => {}) {
  const lost = new AbortController()
  const world = {
    stored: 0,
    remembered: 0,
    now: 5,
    witnessed: [] as number[],
    asked: [] as number[],
  }
  const tenure: Tenure = {
    fleet: 'home',
    lost: lost.signal,
    assertHeld: () => {
      if (lost.signal.aborted) throw lost.signal.reason
    },
    async epochFloor() {
      during('epochFloor')
      return world.remembered
    },
    async witness(epoch) {
      during('witness')
      world.witnessed.push(epoch)
      if (epoch <= world.remembered) return false
      world.remembered = epoch
      return true
    },
    remainingMs: () => Number.POSITIVE_INFINITY,
    release: async () => lost.abort(new LeaseLost('released')),
  }
  const store = {
    async openTerm(_: string, __: string, floor: number, now: number): Promise<Epoch> {
      during('openTerm')
      world.asked.push(floor)
      const epoch = nextEpoch(world.stored, floor, now)
      world.stored = epoch
      return epoch
    },
  }
  const open = (known: { largestLabel?: number; largestSeen?: number } = {}) =>
    openTerm({
      ...{ tenure, store, holder: 'host:1', clock: { now: () => world.now } },
      ...{ largestLabel: 0, largestSeen: 0, ...known },
    })
  return { world, tenure, open, lose: () => lost.abort(new LeaseLost('it lapsed')) }
}

describe('opening a term', () => {
  it('makes a lease of a campaign that was won, held as long as that', async () => {
    const { open, tenure } = bench()
    const lease = await open()
    expect(lease).toMatchObject({ fleet: 'home', epoch: 5 })
    expect(() => lease.assertHeld()).not.toThrow()
    await tenure.release()
    expect(() => lease.assertHeld()).toThrow(LeaseLost)
    expect(lease.lost.aborted).toBe(true)
  })

  it.each([
    ['the store', { stored: 900 }, {}],
    ['the lease servers', { remembered: 900 }, {}],
    ['a label', {}, { largestLabel: 900 }],
    ['this process', {}, { largestSeen: 900 }],
    ['the clock', { now: 901 }, {}],
  ])('begins above what only %s remembers (I6)', async (_, remembered, known) => {
    const { open, world } = bench()
    Object.assign(world, remembered)
    expect((await open(known)).epoch).toBe(901)
    expect(world.remembered).toBe(901)
  })

  it('begins only when the lease servers have taken its epoch, else anew above theirs (I6)', async () => {
    const { open, world } = bench((step) => {
      // Another controller opens in between, once.
      if (step === 'witness' && world.witnessed.length === 0) world.remembered = 70
    })
    const lease = await open({ largestLabel: 20 })
    expect(lease.epoch).toBe(71)
    expect(world.witnessed).toEqual([21, 71])
  })

  it('gives up when others keep opening, after a few attempts', async () => {
    const { open, world } = bench((step) => {
      if (step === 'witness') world.remembered += 1_000
    })
    await expect(open()).rejects.toThrow(EpochContested)
    expect(world.witnessed.length).toBeLessThan(10)
    expect([...world.witnessed].sort((a, b) => a - b)).toEqual(world.witnessed)
  })

  it('begins under no epoch twice when an attempt ended without an answer (I6)', async () => {
    let isAway = true
    const { open, world } = bench((step) => {
      if (step === 'witness' && isAway) throw new LeaseServersAway('none answered')
    })
    await expect(open()).rejects.toThrow(LeaseServersAway)
    const spent = world.stored
    isAway = false
    expect((await open()).epoch).toBeGreaterThan(spent)
  })

  it('opens nothing for a campaign that is lost already (I7)', async () => {
    const { open, world, lose } = bench()
    lose()
    await expect(open()).rejects.toThrow(LeaseLost)
    expect(world.asked).toEqual([])
  })

  it.each(['epochFloor', 'openTerm', 'witness'] as const)(
    'gives no lease, and goes no further, when it is lost amid %s (I7)',
    async (when) => {
      const steps: Step[] = []
      const { open, lose } = bench((step) => {
        steps.push(step)
        if (step === when) lose()
      })
      await expect(open()).rejects.toThrow(LeaseLost)
      expect(steps.at(-1)).toBe(when)
    },
  )
})
