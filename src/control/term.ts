import { type Cures, makeCures } from '../act/cures.ts'
import { type Executor, makeExecutor } from '../act/executor.ts'
import { type Images, makeImages } from '../act/images.ts'
import type { ContainerId, Docker } from '../docker/port.ts'
import type { Lease } from '../lease/lease.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Clock } from '../time/clock.ts'
import type { RestartVpn } from '../vpn/restart-vpn.ts'

export interface TermParts {
  readonly docker: Docker
  readonly store: Store
  readonly lease: Lease
  readonly clock: Clock
  readonly record: (event: NewFleetEvent) => void
  readonly restartVpn: RestartVpn
  readonly patienceMs: number
  readonly onWake: () => void
  readonly onLost: (error: Error) => void
}

/** All that exists only while this process leads a fleet: built when the lease is gained, thrown away when it is lost. */
export interface Term extends AsyncDisposable {
  readonly lease: Lease
  readonly executor: Executor
  readonly cures: Cures
  readonly images: Images
  /** Engines that the first look found, and when; undefined until then. Owned by reconcile. */
  found: { readonly at: number; readonly ids: ReadonlySet<ContainerId> } | undefined
  /** Whether they were told of. Owned by the fleet controller. */
  hasToldFound: boolean
}

export function beginTerm(parts: TermParts): Term {
  const { lease, onWake, onLost } = parts
  const images = makeImages({ ...parts, onChange: onWake })
  const executor = makeExecutor({
    ...parts,
    onEnd: onWake,
    onLost,
    onImageMissing: (image) => images.missing(image),
  })
  const cures = makeCures({ ...parts, onEnd: onWake, onLost })
  return {
    lease,
    executor,
    cures,
    images,
    found: undefined,
    hasToldFound: false,
    async [Symbol.asyncDispose]() {
      await Promise.all([executor[Symbol.asyncDispose](), cures[Symbol.asyncDispose]()])
      await images[Symbol.asyncDispose]()
    },
  }
}
