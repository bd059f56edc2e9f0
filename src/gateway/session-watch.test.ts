import { describe, expect, it } from 'vitest'
import { relayedSource, source } from '../../test/harness/sources.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { EngineStat } from '../engine/playback.ts'
import type { SessionStat } from '../store/session-stat.ts'
import { makeSessionWatch } from './session-watch.ts'
import type { SessionView } from './sessions.ts'
import type { Source } from './source.ts'

const STAT: EngineStat = {
  ...{ status: 'dl', peers: 7, speedDown: 2, speedUp: -1, downloaded: 0, uploaded: 0 },
}

function setUp(answer: () => Promise<EngineStat | undefined>) {
  const clock = makeVirtualClock()
  const told: (SessionStat | undefined)[] = []
  const calls = { asked: 0, underWay: 0, most: 0 }
  const from: Source = source({
    noteStat: (stat) => void told.push(stat),
    async stat() {
      calls.asked += 1
      calls.underWay += 1
      calls.most = Math.max(calls.most, calls.underWay)
      try {
        return await answer()
      } finally {
        calls.underWay -= 1
      }
    },
  })
  const view = (playing: Source): SessionView => ({
    ...{ key: 'id:1', session: { source: playing } as SessionView['session'] },
    ...{ viewers: 3, startedAt: 1_000 },
  })
  const over = new AbortController()
  const list = () => [view(relayedSource()), view(from)]
  const following = makeSessionWatch({ list }, clock).follow(over.signal)
  const end = async () => {
    over.abort()
    await following
  }
  return { clock, told, calls, end }
}

describe('the watch over sessions', () => {
  it('asks each engine every 5 s, and notes bytes per second that can be written', async () => {
    const { clock, told, calls, end } = setUp(async () => STAT)
    await clock.advance(10_500)
    expect(calls.asked).toBe(3)
    expect(told).toHaveLength(11)
    expect(told.at(-1)).toEqual({ peers: 7, downBytesPerS: 2_048, upBytesPerS: 0 })
    await end()
  })

  it('has one request under way at most while an engine hangs, and forgets what is old', async () => {
    let isHung = false
    const hung = Promise.withResolvers<undefined>()
    const { clock, told, calls, end } = setUp(() => (isHung ? hung.promise : Promise.resolve(STAT)))
    await clock.advance(500)
    isHung = true
    await clock.advance(60_000)
    expect(calls).toMatchObject({ asked: 2, most: 1 })
    expect(told[10]?.peers).toBe(7)
    expect(told.at(-1)).toBeUndefined()
    isHung = false
    hung.resolve(undefined)
    await clock.advance(6_000)
    expect(told.at(-1)?.peers).toBe(7)
    await end()
  })
})
