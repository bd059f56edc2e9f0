import { expect, test } from 'vitest'
import type { ContainerId } from '../docker/port.ts'
import { makeDeathNotices } from './death-notices.ts'

const id = 'a'.repeat(64) as ContainerId
const running = [{ id, state: 'running' as const }]

function setUp() {
  const clock = { time: 1_000, now: () => clock.time }
  return { clock, notices: makeDeathNotices(clock) }
}

test('a list that does not show a death is repeated, ever more seldom, until it does', () => {
  const { clock, notices } = setUp()
  notices.hear({ action: 'die', id })
  expect(notices.lookAgainAt(running)).toBe(1_020)
  clock.time = 1_020
  expect(notices.lookAgainAt(running)).toBe(1_060)
  clock.time = 1_060
  expect(notices.lookAgainAt([{ id, state: 'exited' }])).toBe(undefined)
  expect(notices.lookAgainAt(running)).toBe(undefined)
})

test('a list that shows it, or shows the container gone, is believed', () => {
  const { notices } = setUp()
  notices.hear({ action: 'die', id })
  expect(notices.lookAgainAt([])).toBe(undefined)
  expect(notices.lookAgainAt(running)).toBe(undefined)
})

test('a container that was started again is running', () => {
  const { notices } = setUp()
  notices.hear({ action: 'die', id })
  notices.hear({ action: 'start', id })
  expect(notices.lookAgainAt(running)).toBe(undefined)
})

test('what lists go on denying is dropped, for events may be lost', () => {
  const { clock, notices } = setUp()
  notices.hear({ action: 'die', id })
  clock.time += 5_001
  expect(notices.lookAgainAt(running)).toBe(undefined)
  clock.time = 1_000
  expect(notices.lookAgainAt(running)).toBe(undefined)
})

test('other events are none', () => {
  const { notices } = setUp()
  notices.hear({ action: 'create', id })
  notices.hear({ action: 'health_status: unhealthy', id })
  expect(notices.lookAgainAt(running)).toBe(undefined)
})
