/** Leaves the lease to redlock's `using()`, which extends it by a timer and tells of a loss by an AbortSignal. */
import { Redis } from 'ioredis'
import Redlock, { type RedlockClient } from 'redlock'
import type { KeeperParts } from '../../../src/lease/keeper.ts'
import { LeaseLost, type LeaseSource, type Tenure } from '../../../src/lease/lease.ts'

export * from '../../../src/lease/keeper.ts'

/** What our types of redlock leave out, for nobody should use it. */
interface Using {
  using(
    resources: string[],
    durationMs: number,
    settings: { readonly automaticExtensionThreshold: number; readonly retryCount: number },
    routine: (signal: AbortSignal) => Promise<void>,
  ): Promise<void>
}

function instance(): string {
  return process.argv[process.argv.indexOf('--instance') + 1] ?? ''
}

function openRedlock(): Using {
  const ports = (process.env.CHAOS_LEASE_PORTS ?? '').split(',').map(Number)
  const clients = ports.map((port) => {
    const client = new Redis({ host: '127.0.0.1', port })
    client.on('error', () => {})
    return client as unknown as RedlockClient
  })
  const settings = { driftFactor: 0.01, retryCount: 0, retryDelay: 200, retryJitter: 100 }
  return new Redlock(clients, settings) as unknown as Using
}

export function servedLeaseSource({ servers, clock, timing }: KeeperParts): LeaseSource {
  const redlock = openRedlock()
  const settings = { automaticExtensionThreshold: timing.ttlMs - timing.renewMs, retryCount: 0 }

  /** Resolves once the lease is had; it is kept until it is released or redlock says that it is lost. */
  function hold(fleet: string): Promise<Tenure> {
    const held = Promise.withResolvers<Tenure>()
    const released = Promise.withResolvers<void>()
    const lost = new AbortController()
    const key = `acefleet:${instance()}:lease:${fleet}`
    const over = redlock.using([key], timing.ttlMs, settings, async (signal) => {
      const lose = () => lost.abort(new LeaseLost(`fleet ${fleet}: redlock says that it is lost`))
      signal.addEventListener('abort', lose)
      held.resolve({
        fleet,
        lost: lost.signal,
        assertHeld() {
          if (lost.signal.aborted) throw lost.signal.reason
        },
        remainingMs: () => timing.ttlMs,
        epochFloor: () => servers.readEpoch(fleet),
        witness: (epoch) => servers.raiseEpoch(fleet, epoch),
        async release() {
          lost.abort(new LeaseLost(`fleet ${fleet}: the lease was given back`))
          released.resolve()
        },
      })
      await released.promise
    })
    over.catch(held.reject)
    return held.promise
  }

  return {
    async campaign(fleet, signal) {
      for (;;) {
        signal.throwIfAborted()
        const tenure = await hold(fleet).catch(() => undefined)
        if (tenure !== undefined) return tenure
        await clock.sleep(timing.pollMs, signal)
      }
    },
  }
}
