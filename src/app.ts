import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeApi } from './api/api.ts'
import type { Controller, PlanPreview } from './api/controller.ts'
import { listen } from './api/listener.ts'
import type { LookOptions, RunOptions } from './cli/run-options.ts'
import { makeFleets } from './control/fleets.ts'
import { preview } from './control/preview.ts'
import { makeSpecsFollower } from './control/specs.ts'
import { startWatch } from './control/watch.ts'
import { connectDocker } from './docker/dockerode.ts'
import type { DockerError } from './docker/errors.ts'
import { createProbe } from './engine/client.ts'
import { engineTemplate } from './engine/template.ts'
import { holdDataDir } from './lease/data-dir.ts'
import { embeddedLeaseSource } from './lease/embedded.ts'
import { watchLock } from './lease/watch-lock.ts'
import { openNodeHttp } from './net/node-http.ts'
import { loadSpecs } from './spec/load.ts'
import { openEmbeddedStore, STORE_FILE } from './store/embedded/open.ts'
import type { Logger } from './telemetry/log.ts'
import { makeRecorder } from './telemetry/recorder.ts'
import { type Clock, systemClock } from './time/clock.ts'
import { createReadControl } from './vpn/control.ts'
import { readSmallFile } from './vpn/small-file.ts'

/** Limit of one Docker call, ms. */
const DOCKER_TIMEOUT_MS = 15_000
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
    readControl: createReadControl({ http: http.get, readFile: readSmallFile, clock }),
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

/** Short enough to read in a log line, unique enough to find one pass in a day's log. */
function newReconcileId(): string {
  return randomUUID().slice(0, 8)
}

/**
 * The long-running process: everything is started here, in this order, and ends in the reverse one. Engines run on.
 * Resolves with the exit code when the signal says so.
 * @throws {DataDirHeld | StoreUnavailable | ListenFailed | DockerHostInvalid} when it cannot even begin.
 * @throws {LeaseLost} when the data directory is taken from under it: it could never act again.
 */
export async function runServer(
  options: RunOptions,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<number> {
  const clock = systemClock
  const holder = `${options.hostname}:${process.pid}`
  const command = `acefleet run --spec ${options.specPaths.join(' ')}`
  const identity = { host: options.hostname, pid: process.pid, since: clock.now(), command }
  using lock = holdDataDir(options.dataDir, identity)
  await using store = await openEmbeddedStore({ dir: options.dataDir, clock, newId: randomUUID })
  await using recorder = makeRecorder({ store, log, clock })
  const record = recorder.record
  using senses = openSenses(options, clock, (error) => {
    log.debug({ err: error }, 'event stream broke, reconnecting')
    // The daemon may be gone: a pass finds out, and says so, at once.
    fleets.wakeAll()
  })
  const leases = embeddedLeaseSource(lock)
  await using fleets = makeFleets({
    ...senses,
    store,
    leases,
    record,
    log,
    newReconcileId,
    holder,
    patienceMs: 2 * DOCKER_TIMEOUT_MS,
  })
  const { specPaths: paths } = options
  const specs = makeSpecsFollower({ paths, store, fleets, clock, record, log })
  const control: Controller = {
    mode: 'embedded',
    leadership: () => undefined,
    replicas: () => [],
    wake: fleets.wake,
    plan: fleets.plan,
    declaredIn: fleets.declaredIn,
    trouble: fleets.trouble,
    readiness() {
      const reasons = [...specs.troubles(), ...fleets.troubles()]
      return { ready: reasons.length === 0, reasons }
    },
  }
  const fault = new AbortController()
  const over = AbortSignal.any([signal, fault.signal])
  const api = makeApi({ store, recorder, control, clock, log, closing: over })
  await using listener = await listen(api, options.listen)
  log.info(
    { url: listener.url, instance: options.instance, docker: senses.docker.address },
    'listening',
  )
  const jobs = [specs.follow(over), fleets.followEvents(over), watchLock(lock, clock, over)]
  await untilOver({ jobs, interrupted: signal, fault })
  log.info('stopping: the engines run on')
  return 0
}

/** Observes and plans once, without a server and without a change; what a store remembers counts where there is one. */
export async function planOnce(options: LookOptions, signal: AbortSignal): Promise<PlanPreview> {
  const clock = systemClock
  const remembers = existsSync(join(options.dataDir, STORE_FILE))
  await using store = await openEmbeddedStore({
    dir: remembers ? options.dataDir : ':memory:',
    clock,
    newId: randomUUID,
    readOnly: remembers,
  })
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
