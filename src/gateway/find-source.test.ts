import { describe, expect, test } from 'vitest'
import { id } from '../../test/conformance/store/sample.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { PlaybackFailed, type PlaybackFault } from '../engine/playback-failed.ts'
import type { EngineSourceAnswer, EngineSourceCall } from './engine-source.ts'
import { type FindParts, makeFindSource, PlayedHere } from './find-source.ts'
import { type RefusalReason, StreamRefused } from './refusal.ts'
import type { Source } from './source.ts'

const source = { name: '0' } as Source
const found: EngineSourceAnswer = { kind: 'source', source }
const failed = (engine: string, fault: PlaybackFault, message: string): EngineSourceAnswer => {
  return { kind: 'failed', engine: id(engine), error: new PlaybackFailed(fault, message) }
}
const refused = (reason: RefusalReason): EngineSourceAnswer => {
  return { kind: 'refused', refusal: new StreamRefused(reason, `no: ${reason}`, 10) }
}
const playing = (holder: string, reservation = 'r'): EngineSourceAnswer => {
  return {
    kind: 'playing',
    by: { id: reservation, containerId: id('a'), holder, relay: 'http://r' },
  }
}

/** Engines of fleets that answer as told, one after the other; the last answer is repeated. */
function world(answers: readonly EngineSourceAnswer[], change: Partial<FindParts> = {}) {
  const clock = makeVirtualClock()
  const calls: EngineSourceCall[] = []
  const find = makeFindSource(
    {
      clock,
      holder: 'me',
      fleets: async () => ['home'],
      openEngine: async (call) => {
        calls.push(call)
        return answers[Math.min(calls.length, answers.length) - 1] ?? refused('starting')
      },
      openRelay: async () => undefined,
      isOurs: () => false,
      patienceMs: 30_000,
      ...change,
    },
    { content: { kind: 'id', hash: 'a'.repeat(40) }, parameters: [] },
  )
  const abort = new AbortController()
  const quest = {
    avoid: [id('f')],
    instead: '',
    elsewhere: false,
    onClaim: () => {},
    signal: abort.signal,
  }
  return { clock, calls, abort, find: () => find(quest) }
}

describe('where a stream comes from', () => {
  test('is an engine of a fleet that has room', async () => {
    const { find, calls } = world([found])
    expect(await find()).toBe(source)
    expect(calls).toHaveLength(1)
  })

  test('is an engine of the next fleet when the first has no room', async () => {
    const { find, calls } = world([refused('capacity'), found], {
      fleets: async () => ['home', 'away'],
    })
    expect(await find()).toBe(source)
    expect(calls.map(({ fleet }) => fleet)).toEqual(['home', 'away'])
  })

  test('is another engine when the first one fails, which is avoided then', async () => {
    const { find, calls } = world([failed('a', 'engine', 'reset'), found])
    expect(await find()).toBe(source)
    expect(calls.map(({ avoid }) => avoid)).toEqual([[id('f')], [id('f'), id('a')]])
  })

  test('is nowhere for content of which two engines say that they cannot load it', async () => {
    const words = 'failed to load content'
    const { find, calls } = world([failed('a', 'content', words), failed('b', 'content', words)])
    await expect(find()).rejects.toMatchObject({
      ...{ reason: 'unknown', status: 404, message: words, retryAfterS: undefined },
    })
    expect(calls).toHaveLength(2)
  })

  test("is nowhere after three engines, be it their fault, which is the channel's no more than theirs", async () => {
    const answers = ['a', 'b', 'c', 'd'].map((name) => failed(name, 'engine', `${name} is reset`))
    const { find, calls } = world(answers)
    await expect(find()).rejects.toMatchObject({
      ...{ reason: 'engine', status: 502, message: 'c is reset', retryAfterS: 5 },
    })
    expect(calls).toHaveLength(3)
  })

  test('is nowhere after one word of the content, when no other engine can be asked', async () => {
    const { find } = world([failed('a', 'content', 'start timeout'), refused('capacity')])
    await expect(find()).rejects.toMatchObject({
      ...{ reason: 'engine', message: 'start timeout', retryAfterS: undefined },
    })
  })

  test('is nowhere for want of room when an engine has failed and all others are full', async () => {
    const { find } = world([failed('a', 'engine', 'reset'), refused('capacity')])
    await expect(find()).rejects.toMatchObject({ reason: 'capacity', status: 503 })
  })

  test.each([
    [['starting', 'capacity'], 'capacity'],
    [['vpn', 'store'], 'store'],
    [['starting', 'vpn'], 'vpn'],
  ] as const)('is nowhere: of %j the worthiest reason is %s', async (reasons, expected) => {
    const { find } = world(reasons.map(refused), { fleets: async () => ['home', 'away'] })
    await expect(find()).rejects.toMatchObject({ reason: expected, status: 503 })
  })

  test('is nowhere while there is no fleet', async () => {
    const { find } = world([], { fleets: async () => [] })
    await expect(find()).rejects.toMatchObject({ reason: 'starting' })
  })

  test('is the gateway that plays it', async () => {
    const { find } = world([playing('other')], { openRelay: async () => source })
    expect(await find()).toBe(source)
  })

  test('is a session of this very gateway, whose viewers are to go there', async () => {
    const { find } = world([playing('me')], { isOurs: (reservation) => reservation === 'r' })
    await expect(find()).rejects.toEqual(new PlayedHere('r'))
  })

  test('is waited for while the one that plays it goes, and is an engine then', async () => {
    const { find, clock, calls } = world([playing('other'), playing('me'), playing('other'), found])
    const finding = find()
    await clock.advance(5_000)
    expect(await finding).toBe(source)
    expect(calls).toHaveLength(4)
  })

  test('is not waited for longer than its owner can take to be gone', async () => {
    const { find, clock } = world([playing('other')])
    const finding = expect(find()).rejects.toMatchObject({ reason: 'store', status: 503 })
    await clock.advance(31_000)
    await finding
  })

  test('is not looked for any more when nobody wants it', async () => {
    const { find, clock, abort, calls } = world([playing('other')])
    const finding = expect(find()).rejects.toThrow('enough')
    await clock.advance(1_000)
    abort.abort(new Error('enough'))
    await finding
    const asked = calls.length
    await clock.advance(10_000)
    expect(calls).toHaveLength(asked)
  })
})
