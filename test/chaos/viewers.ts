import { randomUUID } from 'node:crypto'
import type { ContainerId } from '../../src/docker/port.ts'
import { RESERVATION_TTL_MS, type Store } from '../../src/store/store.ts'
import type { Facts, ViewerFact } from './judge/facts.ts'

/** A stream on one engine, held in the store as a gateway would, through everything that happens to the store. */
export interface ChaosViewer {
  readonly id: string
  end(): Promise<void>
}

/** Often enough that a store that forgot hears of it long before it counts streams again. */
const RENEW_MS = 2_000

/** Undefined when the engine takes no more streams. */
export async function startViewer(
  store: Store,
  fleet: string,
  containerId: string,
  facts: Facts,
): Promise<ChaosViewer | undefined> {
  const reservation = randomUUID()
  const reserve = async (state: 'pending' | 'active') => {
    const now = Date.now()
    const session = {
      ...{
        id: reservation,
        content: reservation,
        holder: 'viewer',
        state,
        relay: '',
      },
      ...{ containerId: containerId as ContainerId, lastBytesAt: now },
      expiresAt: now + RESERVATION_TTL_MS,
    }
    return await store.reserve(fleet, session, 10, now)
  }
  const isReserved = async (state: 'pending' | 'active') =>
    (await reserve(state).catch(() => 'away')) === 'reserved'
  // As a gateway does: a claim first, and a stream once the engine plays.
  if (!(await isReserved('pending')) || !(await isReserved('active'))) return undefined
  const fact: ViewerFact = { id: containerId, from: Date.now(), to: Number.POSITIVE_INFINITY }
  facts.viewers.push(fact)
  // The store may be away or young: the stream goes on, and is asserted again and again.
  const renewals = setInterval(() => void reserve('active').catch(() => {}), RENEW_MS)
  return {
    id: containerId,
    async end() {
      fact.to = Math.min(fact.to, Date.now())
      clearInterval(renewals)
      await store.release(fleet, reservation, Date.now()).catch(() => {})
    },
  }
}
