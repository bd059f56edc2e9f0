import { randomUUID } from 'node:crypto'
import { openEmbeddedStore } from '../../../src/store/embedded/open.ts'
import { RESERVATION_TTL_MS } from '../../../src/store/store.ts'
import { type StoreAge, type StoreBench, T0 } from './sample.ts'

/** An embedded store whose time is invented. */
export async function openEmbeddedBench(dir: string, age: StoreAge = 'new'): Promise<StoreBench> {
  let nowMs = T0
  let setByMs = 0
  const now = () => nowMs + setByMs
  const monotonic = () => nowMs
  const store = await openEmbeddedStore({ dir, clock: { now, monotonic }, newId: randomUUID })
  if (age === 'settled') nowMs += RESERVATION_TTL_MS
  return {
    store,
    now,
    pass: async (ms) => {
      nowMs += ms
    },
    setClock: (ms) => {
      setByMs += ms
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
