import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeApi } from './api/api.ts'
import type { PlanPreview } from './api/controller.ts'
import { listen } from './api/listener.ts'
import { rememberReads } from './api/remembered-reads.ts'
import { openBackend } from './backend.ts'
import type { LookOptions, RunOptions } from './cli/run-options.ts'
import { makeController } from './control/controller.ts'
import { makeFleets } from './control/fleets.ts'
import { makeMismatches } from './control/mismatches.ts'
import type { Peers } from './control/peers.ts'
import { preview } from './control/preview.ts'
import { makeReplicas } from './control/replicas.ts'
import { makeSettings } from './control/settings.ts'
import { makeSpecsFollower } from './control/specs.ts'
import { startWatch } from './control/watch.ts'
import { connectDocker } from './docker/dockerode.ts'
import type { DockerError } from './docker/errors.ts'
import { createProbe } from './engine/client.ts'
import { makeStartPlayback } from './engine/playback.ts'
import { engineTemplate } from './engine/template.ts'
import { openGateway } from './gateway/open-gateway.ts'
import { DEFAULT_GATEWAY } from './gateway/settings.ts'
import { openNodeHttp } from './net/node-http.ts'
import { openRedis } from './redis/data-server.ts'
import { loadSpecs } from './spec/load.ts'
import { openEmbeddedStore, STORE_FILE } from './store/embedded/open.ts'
import { openRedisStore } from './store/redis/store.ts'
import { meterDocker } from './telemetry/docker-meter.ts'
import type { Logger } from './telemetry/log.ts'
import { makeMetrics } from './telemetry/metrics.ts'
import { makeRecorder } from './telemetry/recorder.ts'
import { type Clock, systemClock } from './time/clock.ts'
import { createReadControl } from './vpn/control.ts'
import { createRestartVpn } from './vpn/restart-vpn.ts'
import { readSmallFile } from './vpn/small-file.ts'

/** Limit of one Docker call, ms. */
const DOCKER_TIMEOUT_MS = 15_000
/**
 * Replicas find out within this time that a Redis which is back has forgotten, and tell it what ruled, ms: 1 s until they
 * are connected, 1 s until they look, and as much again on a busy machine.
 */
const YOUNG_STORE_MS = 4_000
/** How long `plan` waits for Redis, ms. */
const CONNECT_MS = 5_000
/** How long `plan` lets probes and control servers answer before it looks, ms. */
const LOOK_MS = 2_000

function openSenses(
  options: LookOptions,
  clock: Clock,
  onEventsBroken?: (error: DockerError) => void,
) {
  const docker = connectDocker({
    url: options.dockerHost,
    env: options.dockerEnv,
    home: options.dockerEnv.HOME ?? '/',
    clock,
    timeoutMs: DOCKER_TIMEOUT_MS,
    onEventsBroken,
  })
  const http = openNodeHttp(clock)
  return {
    docker,
    probe: createProbe(http.get, clock),
    startPlayback: makeStartPlayback(http.get, clock),
    readControl: createReadControl({ http: http.get, readFile: readSmallFile, clock }),
    restartVpn: createRestartVpn({ http, readFile: readSmallFile, clock }),
    clock,
    random: Math.random,
    instance: options.instance,
    [Symbol.dispose]() {
      http[Symbol.dispose]()
      docker[Symbol.dispose]()
    },
  }
}

/** What runs for as long as the process does, and how all of it is told to end. */
interface Running {
  readonly jobs: readonly Promise<void>[]
  readonly interrupted: AbortSignal
  /** Ends the jobs when one of them failed. */
  readonly fault: AbortController
}

/** Resolves when interrupted. A job that fails ends the others and then the process: better than to go on half deaf. */
async function untilOver({ jobs, interrupted, fault }: Running): Promise<void> {
  try {
    await Promise.all(jobs)
  } catch (error) {
    if (!interrupted.aborted) throw error
  } finally {
    fault.abort()
    await Promise.allSettled(jobs)
  }
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

/**
 * The long-running process: everything is started here, in this order, and ends in the reverse one, but for leases,
 * which are given back first. Engines run on. Resolves with the exit code when the signal says so.
 * @throws {DataDirHeld | StoreUnavailable | RedisUrlInvalid | ListenFailed | DockerHostInvalid} when it cannot even begin.
 * @throws {LeaseLost} when the data directory is taken from under it: it could never act again.
 * @throws {TermStuck} when it cannot be sure of having stopped acting.
 */
export async function runServer(
  options: RunOptions,
  {
    log,
    signal,
    version,
  }: { readonly log: Logger; readonly signal: AbortSignal; readonly version: string },
): Promise<number> {
  const clock = systemClock
  const metrics = makeMetrics({ version, ofProcess: true })
  await using backend = await openBackend(options, { clock, log })
  const { mode, store, leases, holder } = backend
  await using recorder = makeRecorder({ store, log, clock, onRecord: metrics.countEvent })
  const { record } = recorder
  using senses = openSenses(options, clock, (error) => {
    log.debug({ err: error }, 'event stream broke, reconnecting')
    // The daemon may be gone: a pass finds out, and says so, at once.
    fleets.wakeAll()
  })
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
  await using fleets = makeFleets({
    ...senses,
    docker: meterDocker(senses.docker, metrics.countCall),
    ...{ store, leases, record, log, newReconcileId, holder, peers },
    onPass: metrics.countPass,
    patienceMs: 2 * DOCKER_TIMEOUT_MS,
  })
  const specs = makeSpecsFollower({
    ...{ paths: options.specPaths, store, fleets, clock, record, log },
    lookAround: replicas.lookAround,
    patienceMs: mode === 'redis' ? YOUNG_STORE_MS : 0,
  })
  const { leaseTrouble } = backend
  const fault = new AbortController()
  const over = AbortSignal.any([signal, fault.signal])
  const control = makeController({
    ...{ mode, fleets, specs, replicas, leaseTrouble, clock },
    closing: over,
  })
  const reads = rememberReads(store, clock)
  await using gateway = openGateway({
    ...{ store, clock, log, holder, record, counts: metrics.streams },
    settings: { ...DEFAULT_GATEWAY, drainMs: options.drainTimeoutMs },
    startPlayback: senses.startPlayback,
    relay: () => '',
  })
  const api = makeApi({
    ...{ store, reads, metrics, recorder, control, clock, log, gateway },
    closing: over,
  })
  await using listener = await listen(api, options.listen, gateway.handle)
  const { url } = listener
  log.info({ url, holder, instance: options.instance, docker: senses.docker.address }, 'listening')
  const controlling = [
    ...[fleets.serve(over), specs.follow(over), fleets.followEvents(over), backend.watch(over)],
    ...[reads.follow(over), fleets.askDocker(over)],
    ...(mode === 'redis' ? [replicas.follow(over)] : []),
  ]
  // While viewers are waited for others are told already that this one is no controller any more.
  const leaving = Promise.all(controlling).then(async () => {
    if (mode === 'redis') await replicas.leave()
  })
  const jobs = [...controlling, leaving, gateway.follow(over, fault.signal)]
  await untilOver({ jobs, interrupted: signal, fault })
  log.info('stopping: the engines run on')
  return 0
}

/** The store that `plan` reads; an empty one where there is none. */
async function openForReading(options: LookOptions, clock: Clock, signal: AbortSignal) {
  const { redis, dataDir } = options
  if (redis !== undefined) {
    await using resources = new AsyncDisposableStack()
    const data = resources.use(openRedis({ url: redis.url, clock }))
    // Where it does not come about, the first question says why.
    await data
      .connected(AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]))
      .catch(() => signal.throwIfAborted())
    const { instance } = options
    const store = resources.use(openRedisStore({ redis: data, instance, newId: randomUUID, clock }))
    const owned = resources.move()
    return { store, [Symbol.asyncDispose]: () => owned.disposeAsync() }
  }
  const remembers = existsSync(join(dataDir, STORE_FILE))
  const dir = remembers ? dataDir : ':memory:'
  const store = await openEmbeddedStore({ dir, clock, newId: randomUUID, readOnly: remembers })
  return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

/** Observes and plans once, without a server and without a change; what a store remembers counts where there is one. */
export async function planOnce(options: LookOptions, signal: AbortSignal): Promise<PlanPreview> {
  const clock = systemClock
  await using reading = await openForReading(options, clock, signal)
  const { store } = reading
  using senses = openSenses(options, clock)
  const { fleets } = await loadSpecs(options.specPaths)
  const previews = await Promise.all(
    fleets.map(async ({ fleet, hash }): Promise<PlanPreview> => {
      await using watch = startWatch(senses, () => {})
      const { observer } = watch
      await observer.observe(fleet, new Map(), signal)
      await clock.sleep(LOOK_MS, signal)
      const spec = { fleet, generation: 0, hash, template: engineTemplate(fleet), conditions: [] }
      return await preview({ ...senses, store, observer }, spec, signal)
    }),
  )
  return {
    actions: previews.flatMap((each) => each.actions),
    conditions: previews.flatMap((each) => each.conditions),
  }
}
