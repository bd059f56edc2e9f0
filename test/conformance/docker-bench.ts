import type { ContainerId, ContainerSpec, Docker } from '../../src/docker/port.ts'
import { type Epoch, type Lease, LeaseLost } from '../../src/lease/lease.ts'
import type { Mark } from '../../src/store/mark.ts'

/** A daemon, real or not, and the world's hand on it. */
export interface DockerBench extends AsyncDisposable {
  readonly docker: Docker
  /** An image that is there; what its container does is said by {@link Behaviour}. */
  readonly image: string
  /** Makes the container behave so. */
  readonly behave: (behaviour: Behaviour) => Pick<ContainerSpec, 'env' | 'command'>
  /** In the daemon's own time. */
  sleep(ms: number): Promise<void>
  /** `docker restart`. */
  restart(id: ContainerId): Promise<void>
  /** `docker stop`. */
  halt(id: ContainerId): Promise<void>
  /** `docker rm -f`. */
  destroy(id: ContainerId): Promise<void>
  pause(id: ContainerId): Promise<void>
}

/** `serve` runs until SIGTERM, `deaf` ignores it, `fail` writes `one`, `two`, `three` and exits with 3. */
export type Behaviour = 'serve' | 'deaf' | 'fail'

const epoch = 1 as Epoch
const never = new AbortController().signal

/** A lease that is held for ever. */
export const heldLease: Lease = { fleet: 'bench', epoch, assertHeld: () => {}, lost: never }

/** A lease that was lost a moment ago. */
export const lostLease: Lease = {
  ...heldLease,
  assertHeld: () => {
    throw new LeaseLost('the lease of bench is lost')
  },
}

export function markOf(containerId: ContainerId): Mark {
  return { containerId, kind: 'failed', reason: 'Bench', at: 0, deadlineAt: 0, epoch }
}

/** Looks again and again, in real time, until it holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`never came true: ${what}`)
}
