import { expect, it } from 'vitest'
import { embeddedLeaseSource } from './embedded.ts'
import { LeaseLost } from './lease.ts'

function fakeLock() {
  const lost = new AbortController()
  return {
    lost: lost.signal,
    assertHeld: () => {
      if (lost.signal.aborted) throw lost.signal.reason
    },
    lose: () => lost.abort(new LeaseLost('gone')),
  }
}

const never = () => new AbortController().signal

/** Whether a promise has settled once all microtasks have run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const note = () => {
    settled = true
  }
  promise.then(note, note)
  await new Promise((resolve) => setImmediate(resolve))
  return settled
}

it('gives every fleet at once, and the lease lapses by no time', async () => {
  const source = embeddedLeaseSource(fakeLock())
  const [home, away] = await Promise.all(
    ['home', 'away'].map((fleet) => source.campaign(fleet, never())),
  )
  expect(() => home?.assertHeld()).not.toThrow()
  expect(() => away?.assertHeld()).not.toThrow()
  expect(home?.remainingMs()).toBe(Number.POSITIVE_INFINITY)
})

it('lets a second campaign for a fleet wait until the first gives it back (I7)', async () => {
  const source = embeddedLeaseSource(fakeLock())
  const first = await source.campaign('home', never())
  const second = source.campaign('home', never())
  const third = source.campaign('home', never())
  expect(await isSettled(second)).toBe(false)
  await first.release()
  const held = await second
  expect(() => held.assertHeld()).not.toThrow()
  expect(() => first.assertHeld()).toThrow(LeaseLost)
  expect(await isSettled(third)).toBe(false)
  await first.release()
  expect(await isSettled(third)).toBe(false)
  await held.release()
  expect((await third).fleet).toBe('home')
})

it('holds nothing after release, and says so to who waits on the signal', async () => {
  const source = embeddedLeaseSource(fakeLock())
  const tenure = await source.campaign('home', never())
  expect(tenure.lost.aborted).toBe(false)
  await tenure.release()
  expect(tenure.lost.reason).toBeInstanceOf(LeaseLost)
  expect(tenure.remainingMs()).toBe(0)
  expect(() => tenure.assertHeld()).toThrow(LeaseLost)
})

it('ends a campaign with the reason of its signal, and keeps its place for nobody', async () => {
  const source = embeddedLeaseSource(fakeLock())
  const first = await source.campaign('home', never())
  const calledOff = new AbortController()
  const second = source.campaign('home', calledOff.signal)
  const third = source.campaign('home', never())
  calledOff.abort(new Error('shutting down'))
  await expect(second).rejects.toThrow('shutting down')
  await first.release()
  expect((await third).fleet).toBe('home')
  await expect(source.campaign('home', AbortSignal.abort(new Error('too late')))).rejects.toThrow(
    'too late',
  )
})

it('passes the turn on when it comes in the tick in which the campaign is called off', async () => {
  const source = embeddedLeaseSource(fakeLock())
  const first = await source.campaign('home', never())
  const calledOff = new AbortController()
  const second = source.campaign('home', calledOff.signal)
  const third = source.campaign('home', never())
  const released = first.release()
  calledOff.abort(new Error('shutting down'))
  await released
  await expect(second).rejects.toThrow('shutting down')
  expect((await third).fleet).toBe('home')
})

it('loses every lease and every campaign with the lock (I7)', async () => {
  const lock = fakeLock()
  const source = embeddedLeaseSource(lock)
  const home = await source.campaign('home', never())
  const away = await source.campaign('away', never())
  const waiting = source.campaign('home', never())
  lock.lose()
  expect(() => home.assertHeld()).toThrow(LeaseLost)
  expect(away.lost.aborted).toBe(true)
  await expect(waiting).rejects.toThrow(LeaseLost)
  await expect(source.campaign('third', never())).rejects.toThrow(LeaseLost)
  await home.release()
})
