import { expect, it } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { LeaseLost } from './lease.ts'
import { watchLock } from './watch-lock.ts'

function fakeLock() {
  let lost: LeaseLost | undefined
  return {
    lose: () => {
      lost = new LeaseLost('gone')
    },
    assertHeld: () => {
      if (lost !== undefined) throw lost
    },
  }
}

it('finds out within a second that the lock is gone, though nobody acts', async () => {
  const clock = makeVirtualClock()
  const lock = fakeLock()
  const watching = watchLock(lock, clock, new AbortController().signal)
  const outcome = watching.then(
    () => 'ended',
    (error: unknown) => error,
  )
  await clock.advance(60_000)
  lock.lose()
  await clock.advance(1_000)
  expect(await outcome).toBeInstanceOf(LeaseLost)
})

it('ends without an error when the process does', async () => {
  const clock = makeVirtualClock()
  const ending = new AbortController()
  const watching = watchLock(fakeLock(), clock, ending.signal)
  await clock.advance(5_000)
  ending.abort()
  await expect(watching).resolves.toBeUndefined()
  expect(clock.pending).toBe(0)
})
