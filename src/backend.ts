import { randomUUID } from 'node:crypto'
import type { Controller } from './api/controller.ts'
import type { RedisSettings, RunOptions } from './cli/run-options.ts'
import type { Patience } from './control/patience.ts'
import { NO_PEERS } from './control/peers.ts'
import { holdDataDir } from './lease/data-dir.ts'
import { embeddedLeaseSource } from './lease/embedded.ts'
import { servedLeaseSource } from './lease/keeper.ts'
import type { LeaseSource } from './lease/lease.ts'
import { watchLock } from './lease/watch-lock.ts'
import { openRedis } from './redis/data-server.ts'
import { openLeaseServers } from './redis/lease-servers.ts'
import { hashServerSet } from './redis/server-set.ts'
import { openEmbeddedStore } from './store/embedded/open.ts'
import { openRedisStore } from './store/redis/store.ts'
import type { Replica, Store } from './store/store.ts'
import type { Logger } from './telemetry/log.ts'
import type { Clock } from './time/clock.ts'

/**
 * A leader gives way after so many ttls: with trouble that it was told of, for less would be little more than a restart
 * of what fails; with a Docker daemon that does not answer it and does answer another replica, so that somebody acts
 * within two ttls and 3 s.
 */
const GIVE_BACK_TTLS = { trouble: 3, docker: 1.5 }

/** What is there is used from the first moment; what is not is not waited for, ms. */
const FIRST_CONNECTION_MS = 1_000

/** What lies behind the controllers: where they keep what Docker cannot tell, and whence they have the right to act. */
export interface Backend extends AsyncDisposable {
  readonly mode: Controller['mode']
  readonly store: Store
  readonly leases: LeaseSource
  /** This process, for people and among replicas. */
  readonly holder: string
  /** How long a leader that cannot act keeps others from trying. */
  readonly patience: Patience
  /** Looks after it until aborted; rejects when this process can never act again. */
  watch(signal: AbortSignal): Promise<void>
  /** How leases are kept, for the other replicas; null where there are none. */
  readonly lease: Replica['lease']
  /** What should be changed at the data server although it works; empty while nothing is known of it. */
  warnings(): readonly string[]
  /** Why no lease can be had or kept at the moment; undefined when one can. */
  leaseTrouble(): string | undefined
}

export interface BackendParts {
  readonly clock: Clock
  readonly log: Logger
}

async function openEmbedded(options: RunOptions, clock: Clock): Promise<Backend> {
  const { dataDir: dir, hostname: host } = options
  const command = `acefleet run --spec ${options.specPaths.join(' ')}`
  await using resources = new AsyncDisposableStack()
  const lock = resources.use(
    holdDataDir(dir, { host, pid: process.pid, since: clock.now(), command }),
  )
  const store = resources.use(await openEmbeddedStore({ dir, clock, newId: randomUUID }))
  const owned = resources.move()
  return {
    mode: 'embedded',
    store,
    leases: embeddedLeaseSource(lock),
    holder: `${host}:${process.pid}`,
    patience: NO_PEERS.patience,
    watch: (signal) => watchLock(lock, clock, signal),
    lease: null,
    warnings: () => [],
    leaseTrouble: () => undefined,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The part that has to do with leading. */
type LeaseSide = Pick<Backend, 'leases' | 'lease' | 'leaseTrouble'> & AsyncDisposable

/** Of a process that leads nothing: it asks no lease server for anything. */
const NO_LEASES: LeaseSide = {
  leases: {
    campaign: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        signal.throwIfAborted()
      }),
  },
  lease: null,
  leaseTrouble: () => undefined,
  [Symbol.asyncDispose]: async () => {},
}

function openLeases(
  { instance }: RunOptions,
  { leaseUrls: urls, timing }: RedisSettings,
  { clock, log }: BackendParts,
): LeaseSide {
  const servers = openLeaseServers({
    ...{ urls, clock, log, prefix: `acefleet:${instance}:` },
    commandTimeoutMs: timing.attemptMs,
  })
  return {
    leases: servedLeaseSource({ servers, clock, random: Math.random, timing, log }),
    lease: {
      ...{ servers: hashServerSet(urls), count: urls.length },
      ...{ ttlMs: timing.ttlMs, renewMs: timing.renewMs },
    },
    leaseTrouble: servers.trouble,
    [Symbol.asyncDispose]: async () => await servers[Symbol.asyncDispose](),
  }
}

/** Neither Redis nor anything on it has to be there yet: all of it is tried again for as long as it takes. */
async function openShared(
  options: RunOptions,
  redis: RedisSettings,
  parts: BackendParts,
): Promise<Backend> {
  const { clock, log } = parts
  const { instance, hostname, roles } = options
  const { url, timing } = redis
  await using resources = new AsyncDisposableStack()
  const data = resources.use(openRedis({ url, clock, log }))
  const { leases, lease, leaseTrouble } = resources.use(
    roles.has('controller') ? openLeases(options, redis, parts) : NO_LEASES,
  )
  await data.connected(AbortSignal.timeout(FIRST_CONNECTION_MS)).catch(() => {})
  const store = resources.use(openRedisStore({ redis: data, instance, newId: randomUUID, clock }))
  const owned = resources.move()
  return {
    mode: 'redis',
    store,
    ...{ leases, lease, leaseTrouble },
    // Containers on the host's network share its name, and are all process 1.
    holder: `${hostname}:${process.pid}-${randomUUID().slice(0, 4)}`,
    patience: {
      troubleMs: GIVE_BACK_TTLS.trouble * timing.ttlMs,
      dockerMs: GIVE_BACK_TTLS.docker * timing.ttlMs,
    },
    watch: async () => {},
    warnings: data.warnings,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/**
 * @throws {DataDirHeld | StoreUnavailable} when the data directory cannot be used.
 * @throws {RedisUrlInvalid} when addresses of Redis cannot be right.
 */
export async function openBackend(options: RunOptions, parts: BackendParts): Promise<Backend> {
  return options.redis === undefined
    ? await openEmbedded(options, parts.clock)
    : await openShared(options, options.redis, parts)
}
