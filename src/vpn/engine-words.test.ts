import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  DEAD_MS,
  DOUBTED_MS,
  type EngineWord,
  hear,
  judgeTunnel,
  SETTLING_MS,
  type TunnelMemory,
  type TunnelVerdict,
  tunnelReviews,
} from './engine-words.ts'

const T0 = 10_000_000
const FRESH_MS = 45_000

/** Of an engine that has long been there. Times in ms since T0. */
const word = (connected: boolean, since: number, at: number, readyAt = -600_000): EngineWord => ({
  connected,
  since: T0 + since,
  at: T0 + at,
  readyAt: T0 + readyAt,
})
const yes = (at: number, since = -600_000) => word(true, since, at)
const no = (since: number, at: number) => word(false, since, at)

interface Moment {
  readonly at: number
  readonly words: readonly EngineWord[]
  /** ms since T0 at which somebody elsewhere was connected. */
  readonly elsewhere?: number
}

/** A tunnel that has stood for ten minutes, judged at each moment. */
function tell(...story: readonly Moment[]): { verdict: TunnelVerdict; condemnations: number } {
  let memory: TunnelMemory | undefined = {
    standsSince: T0 - 600_000,
    connectedAt: undefined,
    cutOffSince: undefined,
    condemnedAt: undefined,
  }
  let condemnations = 0
  let verdict: TunnelVerdict = 'works'
  for (const { at, words, elsewhere } of story) {
    const hearing = hear(words, FRESH_MS, T0 + at)
    if (hearing.kind === 'connected') condemnations = 0
    const connectedElsewhereAt = elsewhere === undefined ? undefined : T0 + elsewhere
    const wasCondemned: boolean = memory?.condemnedAt !== undefined
    const judged = judgeTunnel(memory, { hearing, connectedElsewhereAt, condemnations }, T0 + at)
    if (judged.verdict === 'dead' && !wasCondemned) condemnations += 1
    memory = judged.memory
    verdict = judged.verdict
  }
  return { verdict, condemnations }
}

describe('what engines say together', () => {
  test('is that the tunnel works as soon as one of them is connected', () => {
    expect(hear([no(-90_000, 0), no(-90_000, 0), yes(0)], FRESH_MS, T0).kind).toBe('connected')
  })

  test('is that they are cut off only when all say so, since the last of them was', () => {
    expect(hear([no(-20_000, -1_000), no(-15_000, -3_000)], FRESH_MS, T0)).toEqual({
      kind: 'cutOff',
      since: T0 - 15_000,
      at: T0 - 1_000,
      count: 2,
    })
  })

  test('I9: is nothing when they are silent, or when what they said is old', () => {
    expect(hear([], FRESH_MS, T0).kind).toBe('silent')
    expect(hear([no(-90_000, -45_001)], FRESH_MS, T0).kind).toBe('silent')
    expect(hear([yes(-45_001)], FRESH_MS, T0).kind).toBe('silent')
  })

  test('counts no engine that is still finding its network', () => {
    const young = word(false, -5_000, 0, -SETTLING_MS + 1)
    expect(hear([young], FRESH_MS, T0).kind).toBe('silent')
    const settled = word(false, -SETTLING_MS - 5_000, 0, -SETTLING_MS - 5_000)
    expect(hear([settled], FRESH_MS, T0)).toMatchObject({ kind: 'cutOff', since: T0 - 5_000 })
    expect(hear([word(true, 0, 0, 0)], FRESH_MS, T0).kind).toBe('connected')
  })
})

describe('a tunnel that stands by the word of Gluetun', () => {
  test('is doubted once all engines have been cut off for 10 s, and works again at the first that is not', () => {
    const before: Moment = { at: 9_000, words: [no(0, 9_000)] }
    const then: Moment = { at: 10_000, words: [no(0, 10_000)] }
    expect(tell(before).verdict).toBe('works')
    expect(tell(before, then).verdict).toBe('doubted')
    expect(tell(before, then, { at: 11_000, words: [no(0, 10_000), yes(11_000)] }).verdict).toBe(
      'works',
    )
  })

  test('I9: is not doubted for one word, however long nobody says another', () => {
    const once = (at: number): Moment => ({ at, words: [no(0, 0)], elsewhere: at })
    expect(tell(once(0), once(20_000), once(44_000), once(900_000)).verdict).toBe('works')
  })

  test('is dead after 40 s, when an engine elsewhere was connected meanwhile', () => {
    const at = (ms: number, elsewhere?: number): Moment => ({
      at: ms,
      words: [no(0, ms)],
      ...(elsewhere === undefined ? {} : { elsewhere }),
    })
    expect(tell(at(0), at(39_000, 39_000)).verdict).toBe('doubted')
    expect(tell(at(0), at(40_000, 40_000)).verdict).toBe('dead')
    // It may be the Internet: whoever is connected elsewhere said so before it went, or nobody is.
    expect(tell(at(0), at(40_000, 9_000)).verdict).toBe('doubted')
    expect(tell(at(0), at(900_000)).verdict).toBe('doubted')
  })

  test('I9: one that was cut off by itself, and is left alone, proves nothing of the time before', () => {
    const beside: Moment = {
      at: 70_000,
      words: [no(0, 70_000), yes(70_000)],
      elsewhere: 70_000,
    }
    const alone = (at: number): Moment => ({ at, words: [no(0, at)], elsewhere: at })
    expect(tell(beside, alone(71_000)).verdict).toBe('works')
    expect(tell(beside, alone(71_000), alone(79_000)).verdict).toBe('works')
    expect(tell(beside, alone(71_000), alone(81_000)).verdict).toBe('doubted')
    expect(tell(beside, alone(71_000), alone(111_000)).verdict).toBe('dead')
  })

  test('stays dead until an engine is connected, and works at once then', () => {
    const dead: Moment[] = [0, 40_000].map((at) => ({ at, words: [no(0, at)], elsewhere: at }))
    expect(tell(...dead, { at: 3_600_000, words: [no(0, 3_600_000)] }).verdict).toBe('dead')
    const back = tell(...dead, { at: 60_000, words: [no(0, 60_000), yes(60_000, 60_000)] })
    expect(back).toEqual({ verdict: 'works', condemnations: 0 })
  })

  test('L1: with nobody left to ask it is tried again, each time after twice as long, 10 min at most', () => {
    const story: Moment[] = []
    let now = 0
    for (const waitMs of [60_000, 120_000, 240_000, 480_000, 600_000, 600_000]) {
      for (const after of [0, 40_000])
        story.push({ at: now + after, words: [no(now, now + after)], elsewhere: now + after })
      const condemnedAt = now + 40_000
      story.push({ at: condemnedAt + waitMs - 1, words: [] })
      expect(tell(...story).verdict).toBe('dead')
      story.push({ at: condemnedAt + waitMs, words: [] })
      expect(tell(...story).verdict).toBe('works')
      now = condemnedAt + waitMs + 1_000
    }
  })
})

describe('a tunnel is looked at again', () => {
  const memory = {
    ...{ standsSince: T0 - 600_000, connectedAt: undefined },
    ...{ cutOffSince: T0, condemnedAt: undefined },
  }
  const reviews = (ms: number, connectedElsewhereAt?: number) =>
    tunnelReviews(
      memory,
      {
        hearing: hear([no(0, ms)], FRESH_MS, T0 + ms),
        connectedElsewhereAt,
        condemnations: 0,
      },
      T0 + ms,
    )

  test('when a run of words against it may be long enough', () => {
    expect(reviews(1_000)).toEqual([T0 + DOUBTED_MS])
    expect(reviews(12_000, T0 + 11_000)).toEqual([T0 + DEAD_MS])
    expect(reviews(39_500, T0 + 39_000)).toEqual([T0 + 41_500])
  })

  test('but not again and again while nobody elsewhere is better off', () => {
    expect(reviews(12_000)).toEqual([])
    expect(reviews(3_600_000, T0 - 60_000)).toEqual([])
  })
})

describe('whatever engines say', () => {
  const words = fc.array(
    fc
      .record({
        connected: fc.boolean(),
        saidFor: fc.integer({ min: 0, max: 90_000 }),
        age: fc.integer({ min: 0, max: 90_000 }),
        readyFor: fc.integer({ min: 0, max: 120_000 }),
      })
      .map(
        ({ connected, saidFor, age, readyFor }) =>
          (now: number): EngineWord => ({
            connected,
            since: now - age - saidFor,
            at: now - age,
            readyAt: now - age - readyFor,
          }),
      ),
    { maxLength: 3 },
  )
  const moments = fc.array(
    fc.record({
      ms: fc.integer({ min: 1, max: 30_000 }),
      words,
      elsewhereAge: fc.option(fc.integer({ min: 0, max: 90_000 })),
    }),
    { maxLength: 30 },
  )

  test('I9: it is dead only by a proven run of words against it, and never while one is for it', () => {
    fc.assert(
      fc.property(moments, (story) => {
        let now = T0
        let memory: TunnelMemory | undefined
        for (const { ms, words: make, elsewhereAge } of story) {
          now += ms
          const heard = make.map((of) => of(now))
          const hearing = hear(heard, FRESH_MS, now)
          const connectedElsewhereAt = elsewhereAge === null ? undefined : now - elsewhereAge
          const signs = { hearing, connectedElsewhereAt, condemnations: 1 }
          const judged = judgeTunnel(memory, signs, now)
          const isNew = memory?.condemnedAt === undefined
          if (hearing.kind === 'connected') expect(judged.verdict).toBe('works')
          if (hearing.kind === 'silent' && isNew) expect(judged.verdict).toBe('works')
          if (judged.verdict === 'dead' && isNew) {
            const from = judged.memory.cutOffSince ?? Infinity
            expect(hearing.kind === 'cutOff' && hearing.at - from).toBeGreaterThanOrEqual(DEAD_MS)
            expect((connectedElsewhereAt ?? 0) - from).toBeGreaterThanOrEqual(DOUBTED_MS)
            expect(from).toBeGreaterThanOrEqual(judged.memory.standsSince)
          }
          expect(judgeTunnel(judged.memory, signs, now)).toEqual(judged)
          memory = judged.memory
        }
      }),
      { numRuns: 500 },
    )
  })
})
