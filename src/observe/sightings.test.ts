import { expect, it } from 'vitest'
import { idOf } from '../../test/harness/scene.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import type { ContainerSummary } from '../docker/port.ts'
import { makeSightings } from './sightings.ts'

const id = idOf('home.0')

function row(state: ContainerSummary['state']): ContainerSummary {
  // By a daemon whose clock is an hour ahead.
  const createdAt = Date.UTC(2026, 0, 1, 1)
  const rest = { labels: {}, networkMode: 'bridge', image: 'engine', createdAt }
  return { id, name: 'home.0', state, ...rest }
}

function bench() {
  const clock = makeVirtualClock()
  const sightings = makeSightings(clock)
  const look = (...rows: ContainerSummary[]) => sightings.note(rows, clock.monotonic())
  return { clock, look, seen: () => sightings.of(id) }
}

it('tells nothing of what was there and ran at the first look', async () => {
  const { clock, look, seen } = bench()
  look(row('running'))
  await clock.advance(1_000)
  look(row('running'))
  expect(seen()).toEqual({ notListedAt: undefined, seenStartingAt: undefined })
})

it('tells by our own clock when an engine was not there yet, and when it was seen to start', async () => {
  const { clock, look, seen } = bench()
  const begun = clock.now()
  look()
  await clock.advance(1_000)
  look(row('created'))
  expect(seen()).toEqual({ notListedAt: begun, seenStartingAt: undefined })
  await clock.advance(1_000)
  look(row('running'))
  await clock.advance(5_000)
  look(row('running'))
  expect(seen()).toEqual({ notListedAt: begun, seenStartingAt: begun + 2_000 })
})

it('goes by how long ago it was when the clock is set meanwhile', async () => {
  const { clock, look, seen } = bench()
  look()
  await clock.advance(1_000)
  look(row('running'))
  clock.stepWall(3_600_000)
  await clock.advance(500)
  const now = clock.now()
  expect(seen()).toEqual({ notListedAt: now - 1_500, seenStartingAt: now - 500 })
})

it('begins anew with every start', async () => {
  const { clock, look, seen } = bench()
  look(row('running'))
  await clock.advance(1_000)
  look(row('exited'))
  await clock.advance(1_000)
  look(row('running'))
  expect(seen()).toEqual({ notListedAt: undefined, seenStartingAt: clock.now() })
})
