import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeApi } from './api/api.ts'
import type { PlanPreview } from './api/controller.ts'
import { listen } from './api/listener.ts'
import { rememberReads } from './api/remembered-reads.ts'
import { openBackend } from './backend.ts'
import type { LookOptions, RunOptions } from './cli/run-options.ts'
import { preview } from './control/preview.ts'
import { startWatch } from './control/watch.ts'
import { openControllers, openOnlooker } from './controllers.ts'
import { makeStartPlayback } from './engine/playback.ts'
import { engineTemplate } from './engine/template.ts'
import { openGateway } from './gateway/open-gateway.ts'
import { refuseStreams } from './gateway/refuse-streams.ts'
import { relayUrl } from './gateway/relay-url.ts'
import { openNodeHttp } from './net/node-http.ts'
import { openRedis } from './redis/data-server.ts'
import { openSenses } from './senses.ts'
import { loadSpecs } from './spec/load.ts'
import { openEmbeddedStore, STORE_FILE } from './store/embedded/open.ts'
import { openRedisStore } from './store/redis/store.ts'
import type { Logger } from './telemetry/log.ts'
import { makeMetrics } from './telemetry/metrics.ts'
import { makeRecorder } from './telemetry/recorder.ts'
import { type Clock, systemClock } from './time/clock.ts'

/** How long `plan` waits for Redis, ms. */
const CONNECT_MS = 5_000
/** How long `plan` lets probes and control servers answer before it looks, ms. */
const LOOK_MS = 2_000

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
  const { roles, instance, hostname } = options
  const metrics = makeMetrics({ version, ofProcess: true })
  await using backend = await openBackend(options, { clock, log })
  const { store, holder } = backend
  await using recorder = makeRecorder({ store, log, clock, onRecord: metrics.countEvent })
  const { record } = recorder
  const fault = new AbortController()
  const over = AbortSignal.any([signal, fault.signal])
  const parts = { backend, clock, log, record, metrics, closing: over }
  await using controllers = roles.has('controller')
    ? await openControllers(options, parts)
    : openOnlooker(parts)
  const { control, docker } = controllers
  const reads = rememberReads(store, clock)
  using http = openNodeHttp(clock)
  // Where the listener is is known when it listens; nobody is given an engine before.
  let port = options.listen.port
  await using gateway = roles.has('gateway')
    ? openGateway({
        ...{ store, clock, log, holder, record, counts: metrics.streams },
        settings: options.gateway,
        startPlayback: makeStartPlayback(http.get, clock),
        relay: () => options.relayUrl ?? relayUrl(options.listen.host, port, hostname),
      })
    : undefined
  const api = makeApi({
    ...{ store, reads, metrics, recorder, control, clock, log, gateway },
    isApi: roles.has('api'),
    closing: over,
  })
  await using listener = await listen(api, options.listen, gateway?.handle ?? refuseStreams)
  port = listener.port
  log.info({ url: listener.url, holder, instance, docker, roles: [...roles] }, 'listening')
  const controlling = [...controllers.begin(over), backend.watch(over), reads.follow(over)]
  // While viewers are waited for others are told already that this one is no controller any more.
  const leaving = Promise.all(controlling).then(() => controllers.leave())
  const serving = gateway === undefined ? [] : [gateway.follow(over, fault.signal)]
  await untilOver({ jobs: [...controlling, leaving, ...serving], interrupted: signal, fault })
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
