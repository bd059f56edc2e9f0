import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { makeQueue } from './queue.ts'

/** As the queue has it: wake-ups within this time of a pass's start share the next one. */
const GAP_MS = 50

interface Pass {
  readonly key: string
  readonly from: number
  to: number | undefined
}

/** A queue on virtual time whose passes take as long as told, and a record of them. */
function bench(durationMs: (key: string, count: number) => number = () => 0) {
  const clock = makeVirtualClock(0)
  const passes: Pass[] = []
  const queue = makeQueue({
    clock,
    async work(key) {
      const pass: Pass = { key, from: clock.monotonic(), to: undefined }
      passes.push(pass)
      const duration = durationMs(key, passes.filter((p) => p.key === key).length)
      if (duration > 0) await clock.sleep(duration)
      pass.to = clock.monotonic()
    },
  })
  const startsOf = (key: string) => passes.filter((p) => p.key === key).map(({ from }) => from)
  return { clock, queue, passes, startsOf }
}

describe('the queue', () => {
  it('serves the first wake-up in the very tick', () => {
    const { queue, startsOf } = bench()
    queue.wake('a')
    expect(startsOf('a')).toEqual([0])
  })

  it('serves what follows within the gap together, at its end', async () => {
    const { clock, queue, startsOf } = bench()
    queue.wake('a')
    for (let i = 0; i < 10; i++) {
      await clock.advance(3)
      queue.wake('a')
    }
    await clock.advance(1_000)
    expect(startsOf('a')).toEqual([0, GAP_MS])
  })

  it('runs once more for wake-ups during a pass, however many', async () => {
    const { clock, queue, startsOf } = bench((_, count) => (count === 1 ? 200 : 0))
    queue.wake('a')
    await clock.advance(100)
    for (let i = 0; i < 5; i++) queue.wake('a')
    await clock.advance(1_000)
    expect(startsOf('a')).toEqual([0, 200])
  })

  it('keeps keys apart', async () => {
    const { clock, queue, startsOf } = bench(() => 500)
    queue.wake('a')
    queue.wake('b')
    await clock.advance(10)
    expect([startsOf('a'), startsOf('b')]).toEqual([[0], [0]])
  })

  it('wakes at the earliest of the times wished for', async () => {
    const { clock, queue, startsOf } = bench()
    queue.wake('a')
    await clock.settle()
    queue.wakeAt('a', 5_000)
    queue.wakeAt('a', 2_000)
    queue.wakeAt('a', 9_000)
    await clock.advance(20_000)
    expect(startsOf('a')).toEqual([0, 2_000])
  })

  it('lets any pass choose its next time anew', async () => {
    const { clock, queue, startsOf } = bench()
    queue.wake('a')
    await clock.settle()
    queue.wakeAt('a', 5_000)
    await clock.advance(1_000)
    queue.wake('a')
    await clock.advance(20_000)
    expect(startsOf('a')).toEqual([0, 1_000])
  })

  it('serves a time that has passed already', async () => {
    const { clock, queue, startsOf } = bench()
    queue.wake('a')
    await clock.advance(1_000)
    queue.wakeAt('a', 500)
    await clock.settle()
    await clock.advance(0)
    expect(startsOf('a')).toEqual([0, 1_000])
  })

  it('takes a wish that falls due during a pass for a wake-up', async () => {
    const clock = makeVirtualClock(0)
    const starts: number[] = []
    const queue = makeQueue({
      clock,
      async work(key) {
        starts.push(clock.monotonic())
        if (starts.length > 1) return
        queue.wakeAt(key, 100)
        await clock.sleep(300)
      },
    })
    queue.wake('a')
    await clock.advance(1_000)
    expect(starts).toEqual([0, 300])
  })

  it('begins nothing for a key that was removed, and waits for its pass', async () => {
    const { clock, queue, passes } = bench(() => 300)
    queue.wake('a')
    await clock.advance(100)
    queue.wake('a')
    queue.wakeAt('a', 400)
    const removed = queue.remove('a').then(() => passes.map(({ to }) => to))
    await clock.advance(5_000)
    expect(await removed).toEqual([300])
    expect(passes).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('heeds no wish of a pass that outlives its key', async () => {
    const clock = makeVirtualClock(0)
    let passes = 0
    const queue = makeQueue({
      clock,
      async work(key) {
        passes += 1
        await clock.sleep(100)
        queue.wakeAt(key, 200)
      },
    })
    queue.wake('a')
    await clock.advance(50)
    const removed = queue.remove('a')
    await clock.advance(1_000)
    await removed
    expect([passes, clock.pending]).toEqual([1, 0])
  })

  it('never runs a key twice at once, also when it is woken anew while its last pass ends', async () => {
    const { clock, queue, passes } = bench(() => 300)
    queue.wake('a')
    await clock.advance(100)
    const removed = queue.remove('a')
    queue.wake('a')
    await clock.advance(5_000)
    await removed
    expect(passes.map(({ from }) => from)).toEqual([0, 300])
  })

  it('begins nothing after it was closed, and waits for what runs', async () => {
    const { clock, queue, passes } = bench(() => 300)
    queue.wake('a')
    queue.wakeAt('b', 100)
    await clock.advance(10)
    queue.wake('a')
    const closed = queue[Symbol.asyncDispose]()
    queue.wake('c')
    queue.wakeAt('a', 20)
    await clock.advance(5_000)
    await closed
    expect(passes).toMatchObject([{ key: 'a', to: 300 }])
    expect(clock.pending).toBe(0)
  })
})

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wake' as const), key: fc.constantFrom('a', 'b') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wakeAt' as const),
      key: fc.constantFrom('a', 'b'),
      inMs: fc.integer({ min: -20, max: 300 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.integer({ min: 0, max: 120 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('remove' as const), key: fc.constantFrom('a', 'b') }),
  },
)

/** Anything a user of the queue may do, in any order, with passes of any length. */
async function run(
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
  lengths: readonly number[],
) {
  const { clock, queue, passes, startsOf } = bench(
    (_, count) => lengths[count % lengths.length] ?? 0,
  )
  const wakes: { key: string; at: number; passes: number }[] = []
  const removals: { key: string; at: number }[] = []
  for (const each of steps) {
    if (each.do === 'wait') await clock.advance(each.ms)
    else if (each.do === 'remove') {
      removals.push({ key: each.key, at: clock.monotonic() })
      void queue.remove(each.key)
    } else if (each.do === 'wakeAt') queue.wakeAt(each.key, clock.now() + each.inMs)
    else {
      wakes.push({ key: each.key, at: clock.monotonic(), passes: startsOf(each.key).length })
      queue.wake(each.key)
    }
  }
  await clock.advance(60_000)
  return { clock, passes, wakes, removals, startsOf }
}

describe('whatever is done to the queue', () => {
  const anything = [
    fc.array(step, { maxLength: 40 }),
    fc.array(fc.integer({ min: 0, max: 150 }), { minLength: 1, maxLength: 4 }),
  ] as const

  it('no wake-up is lost: a pass begins after each, within a pass and a gap', async () => {
    await fc.assert(
      fc.asyncProperty(...anything, async (steps, lengths) => {
        const { wakes, removals, startsOf } = await run(steps, lengths)
        const longest = Math.max(...lengths)
        for (const { key, at, passes } of wakes) {
          // A removal takes back what was asked for before.
          if (removals.some((r) => r.key === key && r.at >= at)) continue
          const next = startsOf(key)[passes]
          expect(next).toBeDefined()
          expect(next).toBeLessThanOrEqual(at + longest + GAP_MS)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('no key has two passes at once', async () => {
    await fc.assert(
      fc.asyncProperty(...anything, async (steps, lengths) => {
        const { passes } = await run(steps, lengths)
        for (const key of ['a', 'b']) {
          const own = passes.filter((pass) => pass.key === key)
          for (const [index, pass] of own.entries())
            expect(pass.from).toBeGreaterThanOrEqual(own[index - 1]?.to ?? 0)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('it comes to rest, with no pass that nothing asked for', async () => {
    await fc.assert(
      fc.asyncProperty(...anything, async (steps, lengths) => {
        const { clock, passes } = await run(steps, lengths)
        const asked = steps.filter((each) => each.do === 'wake' || each.do === 'wakeAt').length
        expect(passes.length).toBeLessThanOrEqual(asked)
        expect(clock.pending).toBe(0)
      }),
      { numRuns: 150 },
    )
  })
})
