import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerId } from '../../src/docker/port.ts'
import { RESERVATION_TTL_MS, type Reservation, type Store } from '../../src/store/store.ts'

/** A stream on one engine that goes on until it is ended. */
export interface Viewer extends AsyncDisposable {
  /** Gives the session back, as a gateway does when its last viewer has left. */
  end(): Promise<void>
}

/** Often enough to outlive a stall of the machine of ten seconds. */
const RENEW_MS = RESERVATION_TTL_MS / 5

/** How often a store that is too young for new claims is asked again. */
const SETTLING_MS = 250

/**
 * Claims a session in the store, makes it active and renews it, as a gateway would; waits for a store that may have
 * forgotten sessions. Throws when the engine refuses it.
 */
export async function startViewer(
  store: Store,
  fleet: string,
  containerId: string | null | undefined,
): Promise<Viewer> {
  const id = randomUUID()
  const reserve = (state: Reservation['state']) => {
    const now = Date.now()
    return store.reserve(
      fleet,
      {
        id,
        containerId: (containerId ?? '') as ContainerId,
        content: id,
        holder: 'test',
        state,
        expiresAt: now + RESERVATION_TTL_MS,
        lastBytesAt: now,
        relay: '',
      },
      10,
      now,
    )
  }
  let answer = await reserve('pending')
  while (answer === 'unsettled') {
    await sleep(SETTLING_MS)
    answer = await reserve('pending')
  }
  if (answer === 'reserved') answer = await reserve('active')
  if (answer !== 'reserved') throw new Error(`${containerId} is ${answer}`)
  // A renewal that fails shows in the test: the engine seems idle.
  const renewals = setInterval(() => void reserve('active').catch(() => {}), RENEW_MS)
  let isOver = false
  const end = async () => {
    clearInterval(renewals)
    if (!isOver) await store.release(fleet, id, Date.now())
    isOver = true
  }
  return { end, [Symbol.asyncDispose]: end }
}
