import type { DataDirLock } from './data-dir.ts'
import { LeaseLost, type LeaseSource, type Tenure } from './lease.ts'

type Grant = () => void

/**
 * Leases by the data directory's lock: it covers every fleet, so a campaign is won at once, unless this process already
 * holds that fleet; then campaigns wait their turn. When the lock is lost, campaigns reject with {@link LeaseLost}.
 */
export function embeddedLeaseSource(lock: Pick<DataDirLock, 'assertHeld' | 'lost'>): LeaseSource {
  // The fleets held, each with those who wait for it, first come first served.
  const waiting = new Map<string, Grant[]>()

  function handOver(fleet: string): void {
    const next = waiting.get(fleet)?.shift()
    if (next === undefined) waiting.delete(fleet)
    else next()
  }

  function waitTurn(fleet: string, queue: Grant[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => () => {
        const place = queue.indexOf(grant)
        if (place >= 0) queue.splice(place, 1)
        signal.removeEventListener('abort', onAbort)
        lock.lost.removeEventListener('abort', onLost)
        end()
      }
      const onAbort = settle(() => reject(signal.reason))
      const onLost = settle(() => reject(lostFleet(fleet, lock.lost.reason)))
      const grant = settle(resolve)
      queue.push(grant)
      signal.addEventListener('abort', onAbort)
      lock.lost.addEventListener('abort', onLost)
    })
  }

  return {
    async campaign(fleet, signal) {
      signal.throwIfAborted()
      lock.assertHeld()
      const queue = waiting.get(fleet)
      if (queue === undefined) waiting.set(fleet, [])
      else await waitTurn(fleet, queue, signal)
      // The turn may have come in the very tick in which the campaign was called off.
      if (signal.aborted || lock.lost.aborted) {
        handOver(fleet)
        throw signal.aborted ? signal.reason : lostFleet(fleet, lock.lost.reason)
      }
      return holdFleet(fleet, lock, () => handOver(fleet))
    },
  }
}

function lostFleet(fleet: string, cause: unknown): LeaseLost {
  return new LeaseLost(`fleet ${fleet}: the data directory is held no more`, { cause })
}

function holdFleet(
  fleet: string,
  lock: Pick<DataDirLock, 'assertHeld' | 'lost'>,
  handOver: () => void,
): Tenure {
  const lost = new AbortController()
  const onLockLost = () => lost.abort(lostFleet(fleet, lock.lost.reason))
  lock.lost.addEventListener('abort', onLockLost)
  let released = false
  return {
    fleet,
    lost: lost.signal,
    assertHeld() {
      if (lost.signal.aborted) throw lost.signal.reason
      lock.assertHeld()
    },
    // A held file lock never lapses by itself, not while the process is stopped either.
    remainingMs: () => (lost.signal.aborted ? 0 : Number.POSITIVE_INFINITY),
    // The store in the same directory remembers all there is.
    epochFloor: async () => 0,
    witness: async () => true,
    async release() {
      if (released) return
      released = true
      lock.lost.removeEventListener('abort', onLockLost)
      if (!lost.signal.aborted)
        lost.abort(new LeaseLost(`fleet ${fleet}: the lease was given back`))
      handOver()
    },
  }
}
