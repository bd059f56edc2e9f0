import { beforeEach, describe, expect, it } from 'vitest'
import type { ContainerId } from '../../docker/port.ts'
import type { Epoch } from '../../lease/lease.ts'
import type { Mark } from '../mark.ts'
import type { FleetMemory } from '../store.ts'
import { makeSteadyMemory, type SteadyMemory } from './steady-memory.ts'

const T0 = 1_700_000_000_000
const HOUR_MS = 3_600_000
const SPAN_MS = 600_000
const ID = 'a'.repeat(64) as ContainerId

/** This process's clocks, and what the store tells as this process's wall clock has it. */
let now: number
let monotonic: number
let stored: FleetMemory
let steady: SteadyMemory

const clock = { now: () => now, monotonic: () => monotonic }
const birth = { incarnation: 'i', bornAt: T0 - 24 * HOUR_MS }

beforeEach(() => {
  now = T0
  monotonic = 5_000
  stored = {
    ...birth,
    ...{ marks: new Map(), engines: new Map(), streams: new Map(), backoff: new Map() },
    ...{ requests: [], rollout: undefined, nodes: new Map() },
  }
  steady = makeSteadyMemory(clock)
})

function pass(ms: number): void {
  now += ms
  monotonic += ms
}

function markAt(at: number): Mark {
  const reason = 'Scaled'
  const deadlineAt = at + SPAN_MS
  return { containerId: ID, kind: 'draining', reason, at, deadlineAt, epoch: 1 as Epoch }
}

const store = (mark: Mark) => {
  stored = { ...stored, marks: new Map([[ID, mark]]) }
}

const read = () => steady.readFleet('home', async () => stored)

/** ms until the drain may be cut short. */
async function leftMs(): Promise<number> {
  const { marks } = await read()
  return (marks.get(ID)?.deadlineAt ?? 0) - now
}

describe('a drain that this process has seen from its beginning', () => {
  beforeEach(async () => {
    await read()
    pass(1_000)
    await steady.mark('home', markAt(now), async () => markAt(now))
    store(markAt(now))
  })

  it('ends when its span has passed', async () => {
    expect(await leftMs()).toBe(SPAN_MS)
    pass(SPAN_MS - 1)
    expect(await leftMs()).toBe(1)
    pass(1)
    expect(await leftMs()).toBe(0)
  })

  it.each([HOUR_MS, -HOUR_MS, 5 * 60_000, -5 * 60_000])(
    "ends no sooner and no later when the machine's clock is set by %i ms, read before or not (I5)",
    async (stepMs) => {
      now += stepMs
      pass(10_000)
      expect(await leftMs()).toBe(SPAN_MS - 10_000)
      now += stepMs
      expect(await leftMs()).toBe(SPAN_MS - 10_000)
      pass(SPAN_MS - 10_000)
      expect(await leftMs()).toBe(0)
    },
  )

  it("ends no sooner when the server's clock alone is set forward, and its instants are told anew (I5)", async () => {
    await leftMs()
    pass(10_000)
    store(markAt(now - 10_000 - HOUR_MS))
    expect(await leftMs()).toBe(SPAN_MS - 10_000)
  })

  it("lasts at most once more when the server's clock alone is put back", async () => {
    await leftMs()
    pass(10_000)
    store(markAt(now - 10_000 + HOUR_MS))
    expect(await leftMs()).toBe(SPAN_MS)
    pass(SPAN_MS)
    expect(await leftMs()).toBe(0)
  })

  it('begins anew when its mark was lost and is written again', async () => {
    await leftMs()
    pass(SPAN_MS)
    store(markAt(now))
    expect(await leftMs()).toBe(SPAN_MS)
  })

  it('keeps a deadline that has come closer', async () => {
    await leftMs()
    store({ ...markAt(now), deadlineAt: now + 5_000 })
    now += HOUR_MS
    expect(await leftMs()).toBe(5_000)
  })
})

describe('a drain that another process began', () => {
  it('is no older than the last look that did not show it, whatever clocks say (I5)', async () => {
    await read()
    pass(30_000)
    store(markAt(now - HOUR_MS))
    expect(await leftMs()).toBe(SPAN_MS - 30_000)
  })

  it('is as old as the wall clock says when it was there before this process looked', async () => {
    store(markAt(now - SPAN_MS + 7))
    expect(await leftMs()).toBe(7)
    now += HOUR_MS
    expect(await leftMs()).toBe(7)
  })

  it('lasts no longer than its span, though the clock was put back before this process began', async () => {
    store(markAt(now + HOUR_MS))
    expect(await leftMs()).toBe(SPAN_MS)
  })

  it('may be off by what connections mistake, and is left as it is told', async () => {
    store(markAt(now - 1_000))
    await read()
    store(markAt(now - 900))
    expect(await leftMs()).toBe(SPAN_MS - 900)
  })
})

describe('a store that forgot', () => {
  const ageMs = async () => now - (await read()).bornAt

  it('is not older than its oldest look, and ages by the clock that never steps (I5)', async () => {
    await read()
    pass(2_000)
    stored = { ...stored, incarnation: 'j', bornAt: now - HOUR_MS }
    expect(await ageMs()).toBe(2_000)
    now += HOUR_MS
    expect(await ageMs()).toBe(2_000)
    pass(13_000)
    expect(await ageMs()).toBe(15_000)
  })

  it('is young again when it says so', async () => {
    await read()
    pass(60_000)
    stored = { ...stored, bornAt: now - 100 }
    expect(await ageMs()).toBe(100)
  })

  it('grows old although its birth lies ahead of us', async () => {
    await read()
    stored = { ...stored, bornAt: now + HOUR_MS }
    expect(await ageMs()).toBe(0)
    pass(15_000)
    expect(await ageMs()).toBe(15_000)
  })
})

describe('bytes', () => {
  const flowed = (lastBytesAt: number) => {
    stored = { ...stored, streams: new Map([[ID, { active: 1, pending: 0, lastBytesAt }]]) }
  }
  const silentMs = async () => now - ((await read()).streams.get(ID)?.lastBytesAt ?? 0)

  it('are not long gone because a clock was set forward (I5)', async () => {
    flowed(now)
    await read()
    now += HOUR_MS
    pass(4_000)
    expect(await silentMs()).toBe(4_000)
    flowed(now)
    expect(await silentMs()).toBe(0)
    pass(15_000)
    expect(await silentMs()).toBe(15_000)
  })

  it('that never flowed never flowed', async () => {
    flowed(0)
    now += HOUR_MS
    expect((await read()).streams.get(ID)?.lastBytesAt).toBe(0)
  })
})

it('tells fleets apart', async () => {
  await steady.readFleet('other', async () => stored)
  pass(SPAN_MS)
  store(markAt(now - 1_000))
  expect(await leftMs()).toBe(SPAN_MS - 1_000)
})
