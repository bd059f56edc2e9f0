import { expect, it } from 'vitest'
import { type Epoch, LeaseLost, type Tenure } from './lease.ts'
import { openTerm } from './term.ts'

function fakeTenure() {
  const lost = new AbortController()
  const tenure: Tenure = {
    fleet: 'home',
    lost: lost.signal,
    assertHeld: () => {
      if (lost.signal.aborted) throw lost.signal.reason
    },
    epochFloor: async () => 0,
    witness: async () => true,
    remainingMs: () => Number.POSITIVE_INFINITY,
    release: async () => lost.abort(new LeaseLost('released')),
  }
  return tenure
}

function recordingStore(during: () => Promise<void> = async () => {}) {
  const asked: unknown[][] = []
  return {
    asked,
    openTerm: async (...args: [string, string, number, number]): Promise<Epoch> => {
      asked.push(args)
      await during()
      return 7 as Epoch
    },
  }
}

const clock = { now: () => 5 }

it('makes a lease of a campaign that was won, held as long as that', async () => {
  const tenure = fakeTenure()
  const store = recordingStore()
  const lease = await openTerm({
    tenure,
    store,
    holder: 'host:1',
    largestLabel: 3,
    largestSeen: 0,
    clock,
  })
  expect(store.asked).toEqual([['home', 'host:1', 3, 5]])
  expect(lease).toMatchObject({ fleet: 'home', epoch: 7 })
  expect(() => lease.assertHeld()).not.toThrow()
  await tenure.release()
  expect(() => lease.assertHeld()).toThrow(LeaseLost)
  expect(lease.lost.aborted).toBe(true)
})

it('opens no term for a campaign that is lost already (I7)', async () => {
  const tenure = fakeTenure()
  const store = recordingStore()
  await tenure.release()
  const options = { tenure, store, holder: 'host:1', largestLabel: 0, largestSeen: 0, clock }
  await expect(openTerm(options)).rejects.toThrow(LeaseLost)
  expect(store.asked).toEqual([])
})

it('gives no lease when the campaign is lost while the store answers (I7)', async () => {
  const tenure = fakeTenure()
  const store = recordingStore(() => tenure.release())
  const options = { tenure, store, holder: 'host:1', largestLabel: 0, largestSeen: 0, clock }
  await expect(openTerm(options)).rejects.toThrow(LeaseLost)
})
