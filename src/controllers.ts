import { randomUUID } from 'node:crypto'
import type { Controller } from './api/controller.ts'
import type { Backend } from './backend.ts'
import type { RunOptions } from './cli/run-options.ts'
import { makeController } from './control/controller.ts'
import { makeFleets } from './control/fleets.ts'
import { makeMismatches } from './control/mismatches.ts'
import type { Peers } from './control/peers.ts'
import { makeReplicas } from './control/replicas.ts'
import { makeSettings } from './control/settings.ts'
import { makeSpecsFollower } from './control/specs.ts'
import { DOCKER_TIMEOUT_MS, openSenses } from './senses.ts'
import { meterDocker } from './telemetry/docker-meter.ts'
import type { NewFleetEvent } from './telemetry/event.ts'
import type { Logger } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { Clock } from './time/clock.ts'

/**
 * Replicas find out within this time that a Redis which is back has forgotten, and tell it what ruled, ms: 1 s until they
 * are connected, 1 s until they look, and as much again on a busy machine.
 */
const YOUNG_STORE_MS = 4_000

export interface ControllersParts {
  readonly backend: Backend
  readonly clock: Clock
  readonly log: Logger
  readonly record: (event: NewFleetEvent) => void
  readonly metrics: Pick<Metrics, 'countCall' | 'countPass'>
  /** Aborted when the process is told to stop. */
  readonly closing: AbortSignal
}

/** What a process has to do with leading fleets. Disposing it gives leases back; engines run on. */
export interface Controllers extends AsyncDisposable {
  readonly control: Controller
  /** The daemon, for people; undefined where there is none. */
  readonly docker: string | undefined
  /** Begins to work, until aborted. A job that rejects is the end of the process. */
  begin(signal: AbortSignal): readonly Promise<void>[]
  /** Tells the others that this process leads and declares nothing any more. Never rejects. */
  leave(): Promise<void>
}

/** Waits no longer than the signal says; what is waited for goes on. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Short enough to read in a log line, unique enough to find one pass in a day's log. */
function newReconcileId(): string {
  return randomUUID().slice(0, 8)
}

/** Looks after the fleets of the specs, and leads them where it gets to. @throws {DockerHostInvalid} */
export async function openControllers(
  options: RunOptions,
  { backend, clock, log, record, metrics, closing }: ControllersParts,
): Promise<Controllers> {
  const { mode, store, leases, holder } = backend
  await using resources = new AsyncDisposableStack()
  const senses = resources.use(
    openSenses(options, clock, (error) => {
      log.debug({ err: error }, 'event stream broke, reconnecting')
      // The daemon may be gone: a pass finds out, and says so, at once.
      fleets.wakeAll()
    }),
  )
  const mismatches = makeMismatches({
    clock,
    ruling: () => fleets.ruling(),
    onChange: () => fleets.reconsider(),
  })
  const settings = makeSettings({
    ...{ log, warnings: backend.warnings },
    onChange: () => fleets.reconsider(),
  })
  const replicas = makeReplicas({
    ...{ store, clock, log, holder, startedAt: clock.now() },
    declares: () => specs.declares(),
    leads: () => fleets.leads(),
    dockerAgoMs: () => fleets.dockerAgoMs(),
    onChange() {
      fleets.wakeAll()
      void specs.again().catch(() => {})
    },
    onAway: () => fleets.wakeAll(),
    lease: backend.lease,
    onGlance(glance) {
      mismatches.look(glance)
      settings.look(glance)
    },
  })
  const peers: Peers = {
    hasOthers: () => replicas.others().length > 0,
    seeDocker: replicas.seeDocker,
    largestEpoch: replicas.largestEpoch,
    conditions: (fleet) => [...mismatches.conditions(fleet), ...settings.conditions()],
    refresh: (aborted) => untilAborted(specs.again(), aborted),
    patience: backend.patience,
  }
  const fleets = resources.use(
    makeFleets({
      ...senses,
      docker: meterDocker(senses.docker, metrics.countCall),
      ...{ store, leases, record, log, newReconcileId, holder, peers },
      onPass: metrics.countPass,
      patienceMs: 2 * DOCKER_TIMEOUT_MS,
    }),
  )
  const specs = makeSpecsFollower({
    ...{ paths: options.specPaths, store, fleets, clock, record, log },
    lookAround: replicas.lookAround,
    patienceMs: mode === 'redis' ? YOUNG_STORE_MS : 0,
  })
  const { leaseTrouble } = backend
  const control = makeController({ mode, fleets, specs, replicas, leaseTrouble, clock, closing })
  const owned = resources.move()
  return {
    control,
    docker: senses.docker.address,
    begin: (signal) => [
      ...[fleets.serve(signal), specs.follow(signal), fleets.followEvents(signal)],
      fleets.askDocker(signal),
      ...(mode === 'redis' ? [replicas.follow(signal)] : []),
    ],
    leave: async () => {
      if (mode === 'redis') await replicas.leave()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Leads nothing and looks after nothing; knows who does, as the store tells. */
export function openOnlooker({
  backend: { mode, store, holder },
  clock,
  log,
  closing,
}: Pick<ControllersParts, 'backend' | 'clock' | 'log' | 'closing'>): Controllers {
  const replicas = makeReplicas({
    ...{ store, clock, log, holder, startedAt: clock.now(), isOnlooker: true },
    ...{ declares: () => ({}), leads: () => ({}), dockerAgoMs: () => null, lease: null },
    ...{ onChange: () => {}, onAway: () => {}, onGlance: () => {} },
  })
  const fleets = {
    ...{ wake: () => {}, plan: async () => undefined, declaredIn: () => undefined },
    ...{ trouble: () => undefined, troubles: () => [], ruling: () => new Map<string, never>() },
  }
  const specs = { troubles: () => [] }
  const leaseTrouble = () => undefined
  return {
    control: makeController({ mode, fleets, specs, replicas, leaseTrouble, clock, closing }),
    docker: undefined,
    begin: (signal) => [replicas.follow(signal)],
    leave: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}
