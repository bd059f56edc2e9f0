import { describe, expect, it } from 'vitest'
import { relayedSource, source } from '../../test/harness/sources.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import { makeLogger } from '../telemetry/log.ts'
import { type RefusalReason, StreamRefused } from './refusal.ts'
import { makeStreamEvents } from './stream-events.ts'

function setUp() {
  const clock = makeVirtualClock()
  const events: NewFleetEvent[] = []
  const log = makeLogger({
    ...{ level: 'error', pretty: false, colour: false, clock, to: { write: () => {} } },
  })
  const tell = makeStreamEvents({ record: (event) => void events.push(event), clock, log })
  const refuse = (reason: RefusalReason, fleet = 'home') =>
    tell('id:1', {
      kind: 'ended',
      source: undefined,
      failure: new StreamRefused(reason, 'no room', 1, fleet),
      message: 'no room',
    })
  return { clock, events, tell, refuse }
}

describe('events of streams', () => {
  it("name the fleet and the engine's slot, from beginning to end", () => {
    const { events, tell } = setUp()
    const first = source()
    const endpoint = first.endpoint && { ...first.endpoint, slot: '1', vpn: 'gluetun-b' }
    const second = source({ name: '1', endpoint })
    tell('id:1', { kind: 'started', source: first, tookMs: 3_210 })
    tell('id:1', { kind: 'interrupted', source: first, message: 'it ended the stream' })
    const moved = { from: first, source: second, message: 'it ended the stream', tookMs: 1_000 }
    tell('id:1', { kind: 'moved', ...moved, cause: 'ended' })
    const message = 'nobody watches it any more'
    tell('id:1', { kind: 'ended', source: second, failure: undefined, message })
    const shown = events.map(({ fleet, slot, vpn, type, reason, message }) => {
      return [fleet, slot, vpn, type, reason, message]
    })
    expect(shown).toEqual([
      ['home', '0', 'gluetun-a', 'Normal', 'StreamStarted', 'id:1 plays on home.0 after 3.2 s'],
      [
        ...['home', '0', 'gluetun-a', 'Warning', 'StreamInterrupted'],
        'id:1 on home.0: it ended the stream',
      ],
      [
        ...['home', '1', 'gluetun-b', 'Normal', 'StreamMoved'],
        'id:1 moved from home.0 to home.1 after 1.0 s: it ended the stream',
      ],
      [
        ...['home', '1', 'gluetun-b', 'Normal', 'StreamEnded'],
        'id:1 on home.1 ended: nobody watches it any more',
      ],
    ])
  })

  it('warn of an end that nobody wanted', () => {
    const { events, tell } = setUp()
    const failure = new StreamRefused('engine', 'no other source was found')
    const { message } = failure
    tell('id:1', { kind: 'ended', source: source(), failure, message })
    expect(events).toMatchObject([{ type: 'Warning', reason: 'StreamEnded', slot: '0' }])
    expect(events[0]?.message).toContain('no other source was found')
  })

  it('tell of refusals once a minute for each fleet and reason, and how many there were', async () => {
    const { clock, events, refuse } = setUp()
    for (let n = 0; n < 100; n++) refuse('capacity')
    refuse('vpn')
    refuse('capacity', 'away')
    expect(events.map(({ fleet, reason, message }) => [fleet, reason, message])).toEqual([
      ['home', 'StreamRefused', 'id:1 is not played (capacity): no room'],
      ['home', 'StreamRefused', 'id:1 is not played (vpn): no room'],
      ['away', 'StreamRefused', 'id:1 is not played (capacity): no room'],
    ])
    await clock.advance(60_000)
    refuse('capacity')
    expect(events.at(-1)?.message).toContain('99 more since the last time')
  })

  it('tell nothing of what is relayed, of no fleet, or given up by its viewers', () => {
    const { events, tell } = setUp()
    const message = 'its gateway ends'
    tell('id:1', { kind: 'started', source: relayedSource(), tookMs: 1 })
    tell('id:1', { kind: 'ended', source: relayedSource(), failure: undefined, message })
    tell('id:1', { kind: 'ended', source: undefined, failure: undefined, message })
    const failure = new StreamRefused('starting', 'there is no fleet yet')
    tell('id:1', { kind: 'ended', source: undefined, failure, message })
    expect(events).toEqual([])
  })
})
