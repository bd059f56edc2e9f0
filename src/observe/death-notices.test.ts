import { expect, test } from 'vitest'
import type { ContainerDetail, ContainerId } from '../docker/port.ts'
import { makeDeathNotices } from './death-notices.ts'

const id = 'a'.repeat(64) as ContainerId
const running = [{ id, state: 'running' as const }]

function setUp() {
  const timers: (() => void)[] = []
  const clock = {
    time: 1_000,
    now: () => clock.time,
    timer: (_: number, fire: () => void) => {
      timers.push(fire)
      return { [Symbol.dispose]: () => void timers.splice(timers.indexOf(fire), 1) }
    },
  }
  return { clock, timers, notices: makeDeathNotices(clock) }
}

/** An inspect that the daemon answers when told, and gives up when its signal says so. */
function heldInspect() {
  const asked: ContainerId[] = []
  const answer = Promise.withResolvers<ContainerDetail>()
  const inspect = (of: string, signal: AbortSignal) => {
    asked.push(of as ContainerId)
    signal.addEventListener('abort', () => answer.reject(signal.reason), { once: true })
    return answer.promise
  }
  return { asked, answer, inspect }
}

const never = new AbortController().signal

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

test('the first list waits until the daemon has written a death down, whatever it says of it', async () => {
  const { notices, timers } = setUp()
  notices.hear({ action: 'die', id })
  const { asked, answer, inspect } = heldInspect()
  let isWritten = false
  const written = notices.written(inspect, never).then(() => {
    isWritten = true
  })
  await Promise.resolve()
  expect({ asked, isWritten }).toEqual({ asked: [id], isWritten: false })
  answer.reject(new Error('no such container'))
  await written
  expect(timers).toEqual([])
})

test('a death that is never written down holds no list up for long', async () => {
  const { notices, timers } = setUp()
  notices.hear({ action: 'die', id })
  const { inspect } = heldInspect()
  const written = notices.written(inspect, never)
  timers[0]?.()
  await written
})

test('without a fresh death nothing is asked', async () => {
  const { notices } = setUp()
  const { asked, inspect } = heldInspect()
  await notices.written(inspect, never)
  notices.hear({ action: 'die', id })
  notices.lookAgainAt(running)
  await notices.written(inspect, never)
  expect(asked).toEqual([])
})
