import { describe, expect, it } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { StoreUnavailable } from '../store/errors.ts'
import type { EventQuery } from '../store/store.ts'
import type { FleetEvent, NewFleetEvent } from './event.ts'
import { makeLogger } from './log.ts'
import { makeRecorder } from './recorder.ts'

function event(message: string, more: Partial<NewFleetEvent> = {}): NewFleetEvent {
  return { at: 1, fleet: 'home', type: 'Normal', reason: 'EngineStarted', message, ...more }
}

/** A store that can be away, hang, or choke on one event. */
function makeEventStore() {
  const kept: FleetEvent[] = []
  const state = { away: false, hangs: false, chokesOn: '', calls: 0 }
  return {
    kept,
    state,
    messages: () => kept.map((each) => each.message),
    async appendEvents(events: readonly NewFleetEvent[]) {
      state.calls += 1
      if (state.hangs) return new Promise<void>(() => {})
      if (state.away) throw new StoreUnavailable('away')
      if (events.some((each) => each.message === state.chokesOn)) throw new TypeError('bad event')
      for (const each of events) {
        kept.push({ ...each, sequence: kept.length + 1, firstAt: each.at, count: 1 })
      }
    },
    async events(query: EventQuery) {
      if (state.away) throw new StoreUnavailable('away')
      const { fleet, after = 0, limit = 200 } = query
      return kept
        .filter((each) => each.sequence > after && (fleet === undefined || each.fleet === fleet))
        .slice(-limit)
    },
  }
}

function setUp() {
  const clock = makeVirtualClock()
  const store = makeEventStore()
  const lines: Record<string, unknown>[] = []
  const log = makeLogger({
    level: 'info',
    pretty: false,
    colour: false,
    clock,
    to: { write: (text) => lines.push(JSON.parse(text)) },
  })
  return { clock, store, lines, recorder: makeRecorder({ store, log, clock }) }
}

describe('the recorder', () => {
  it('writes one log line and one stored event per recorded event', async () => {
    const { store, lines, recorder } = setUp()
    recorder.record(event('a', { slot: '3', vpn: 'gluetun-a' }))
    recorder.record(event('b', { type: 'Warning', reason: 'EngineFailed' }))
    await recorder.flush()
    expect(store.messages()).toEqual(['a', 'b'])
    expect(lines.map((line) => [line.level, line.msg, line.reason, line.slot])).toEqual([
      ['info', 'a', 'EngineStarted', '3'],
      ['warn', 'b', 'EngineFailed', undefined],
    ])
  })

  it('loses nothing and keeps the order while the store is away for a while', async () => {
    const { clock, store, lines, recorder } = setUp()
    store.state.away = true
    recorder.record(event('a'))
    await clock.advance(5_000)
    recorder.record(event('b'))
    store.state.away = false
    await clock.advance(10_000)
    expect(store.messages()).toEqual(['a', 'b'])
    const said = lines.filter((line) => line.msg === 'events are not being stored, retrying')
    expect(said).toHaveLength(1)
  })

  it('drops the oldest beyond its bound, and says how many', async () => {
    const { clock, store, lines, recorder } = setUp()
    store.state.away = true
    for (let index = 0; index < 2_110; index += 1) recorder.record(event(`e${index}`))
    await clock.settle()
    store.state.away = false
    await clock.advance(10_000)
    expect(store.kept.length).toBeLessThanOrEqual(2_001)
    expect(store.messages().at(-1)).toBe('e2109')
    const back = lines.find((line) => line.msg === 'events are being stored again')
    expect(Number(back?.dropped) + store.kept.length).toBe(2_110)
  })

  it('gives up on an event that the store can never take, and only on that', async () => {
    const { clock, store, lines, recorder } = setUp()
    store.state.chokesOn = 'bad'
    for (const message of ['a', 'b', 'bad', 'c']) recorder.record(event(message))
    await clock.advance(60_000)
    expect(store.messages()).toEqual(['a', 'b', 'c'])
    expect(lines.some((line) => line.msg === 'event refused by the store, dropped')).toBe(true)
  })

  it('stores what is left when disposed, and does not wait for ever for a store that hangs', async () => {
    const good = setUp()
    good.recorder.record(event('last'))
    await good.recorder[Symbol.asyncDispose]()
    expect(good.store.messages()).toEqual(['last'])

    const hung = setUp()
    hung.store.state.hangs = true
    hung.recorder.record(event('lost'))
    const disposed = hung.recorder[Symbol.asyncDispose]()
    await hung.clock.advance(10_000)
    await disposed
    expect(hung.lines.at(-1)).toMatchObject({ left: 1, level: 'warn' })
  })
})

describe('a subscription', () => {
  it('yields history behind the given sequence, then news, each once and in order', async () => {
    const { clock, recorder } = setUp()
    for (const message of ['a', 'b']) recorder.record(event(message))
    await recorder.flush()
    const abort = new AbortController()
    const seen: string[] = []
    const reading = (async () => {
      for await (const each of recorder.subscribe({ after: 1 }, abort.signal))
        seen.push(each.message)
    })()
    await clock.settle()
    recorder.record(event('c'))
    recorder.record(event('other', { fleet: 'away' }))
    await clock.settle()
    expect(seen).toEqual(['b', 'c', 'other'])
    abort.abort()
    await reading
  })

  it('yields only what comes from now on when no sequence is given, and only of its fleet', async () => {
    const { clock, recorder } = setUp()
    recorder.record(event('old'))
    await recorder.flush()
    const abort = new AbortController()
    const seen: string[] = []
    const reading = (async () => {
      for await (const each of recorder.subscribe({ fleet: 'home' }, abort.signal)) {
        seen.push(each.message)
      }
    })()
    await clock.settle()
    recorder.record(event('new'))
    recorder.record(event('foreign', { fleet: 'away' }))
    await clock.settle()
    expect(seen).toEqual(['new'])
    abort.abort()
    await reading
  })

  it('misses nothing that is stored while it reads', async () => {
    const { clock, store, recorder } = setUp()
    const abort = new AbortController()
    const seen: string[] = []
    const { events } = store
    let during = true
    store.events = async (query) => {
      const found = await events(query)
      if (query.after !== undefined && during) {
        during = false
        recorder.record(event('meanwhile'))
        await recorder.flush()
      }
      return found
    }
    const reading = (async () => {
      for await (const each of recorder.subscribe({}, abort.signal)) seen.push(each.message)
    })()
    for (let turn = 0; turn < 5; turn += 1) await clock.settle()
    expect(seen).toEqual(['meanwhile'])
    abort.abort()
    await reading
  })

  it('finds what another process stored', async () => {
    const { clock, store, recorder } = setUp()
    const abort = new AbortController()
    const seen: string[] = []
    const reading = (async () => {
      for await (const each of recorder.subscribe({}, abort.signal)) seen.push(each.message)
    })()
    await clock.settle()
    await store.appendEvents([event('theirs')])
    await clock.advance(2_000)
    expect(seen).toEqual(['theirs'])
    abort.abort()
    await reading
  })
})
