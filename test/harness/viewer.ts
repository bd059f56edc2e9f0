import { randomUUID } from 'node:crypto'
import type { ContainerId } from '../../src/docker/port.ts'
import { RESERVATION_TTL_MS, type Store } from '../../src/store/store.ts'

/** A stream on one engine that goes on until it is ended. */
export interface Viewer extends AsyncDisposable {
  /** Gives the session back, as a gateway does when its last viewer has left. */
  end(): Promise<void>
}

/** Often enough to outlive a stall of the machine of ten seconds. */
const RENEW_MS = RESERVATION_TTL_MS / 5

/** Reserves a session in the store and renews it, as a gateway would. Throws when the engine refuses it. */
export async function startViewer(
  store: Store,
  fleet: string,
  containerId: string | null | undefined,
): Promise<Viewer> {
  const id = randomUUID()
  const reserve = () => {
    const now = Date.now()
    return store.reserve(
      fleet,
      {
        id,
        containerId: (containerId ?? '') as ContainerId,
        content: id,
        holder: 'test',
        state: 'active',
        expiresAt: now + RESERVATION_TTL_MS,
        lastBytesAt: now,
      },
      10,
      now,
    )
  }
  const answer = await reserve()
  if (answer !== 'reserved') throw new Error(`${containerId} is ${answer}`)
  // A renewal that fails shows in the test: the engine seems idle.
  const renewals = setInterval(() => void reserve().catch(() => {}), RENEW_MS)
  let isOver = false
  const end = async () => {
    clearInterval(renewals)
    if (!isOver) await store.release(fleet, id)
    isOver = true
  }
  return { end, [Symbol.asyncDispose]: end }
}
