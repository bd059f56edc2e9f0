import { type Fleets, makeFleets } from '../../src/control/fleets.ts'
import type { Docker } from '../../src/docker/port.ts'
import type { DesiredFleet } from '../../src/spec/decision.ts'
import { makeSteadyMemory } from '../../src/store/redis/steady-memory.ts'
import type { Store } from '../../src/store/store.ts'
import type { NewFleetEvent } from '../../src/telemetry/event.ts'
import { makeLogger } from '../../src/telemetry/log.ts'
import type { Clock } from '../../src/time/clock.ts'
import type { Bug } from './bug.ts'
import type { EngineWorld } from './engine-world.ts'
import type { FakeDocker } from './fake-docker.ts'
import type { LeaseWorld } from './lease-world.ts'
import { makeNeighbours } from './neighbours.ts'
import type { Random } from './random.ts'
import type { SimProcess } from './sim-process.ts'
import { type StoreHooks, storeClient } from './sim-store.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { VpnWorld } from './vpn-world.ts'

/** As in app.ts: twice the limit of one Docker call, ms. */
const PATIENCE_MS = 30_000

export interface ControllerParts {
  readonly clock: VirtualClock
  readonly docker: FakeDocker
  readonly store: Store
  readonly storeHooks: StoreHooks
  readonly leases: LeaseWorld
  readonly vpns: VpnWorld
  readonly engines: EngineWorld
  readonly random: Random
  readonly bug: Bug | undefined
  readonly say: (who: string, line: string) => void
  /** What the accepted spec says now. */
  readonly ruling: () => DesiredFleet
  readonly onBroken: (error: unknown) => void
}

/** One run of the controller, from its start to its end or death. */
export interface ControllerRun {
  readonly process: SimProcess
  /** Unix ms at which the latest list that it got was asked for; -Infinity before the first. */
  readonly listedAt: () => number
  /** Unix ms at which it first heard what the store remembers; Infinity before. */
  readonly knowsSince: () => number
  rule(desired: DesiredFleet): void
  wake(fleet: string): void
  kill(): void
  /** SIGTERM: everything is put down in order. */
  end(): Promise<void>
}

/** Notes when the pictures that a process has seen were taken. */
function withListTimes(docker: Docker, clock: VirtualClock) {
  let listedAt = -Infinity
  const watched: Docker = {
    ...docker,
    async list(signal) {
      const asked = clock.now()
      const rows = await docker.list(signal)
      listedAt = Math.max(listedAt, asked)
      return rows
    },
  }
  return { docker: watched, listedAt: () => listedAt }
}

/** As the store on Redis is made; a file that one process has needs none of it. */
function steadied(store: Store, clock: Clock): Store {
  const steady = makeSteadyMemory(clock)
  const own: Partial<Store> = {
    readFleet: (fleet, nowMs) => steady.readFleet(fleet, () => store.readFleet(fleet, nowMs)),
    mark: (fleet, mark) => steady.mark(fleet, mark, () => store.mark(fleet, mark)),
  }
  return new Proxy(store, {
    get: (target, name) => Reflect.get(own, name) ?? Reflect.get(target, name),
  })
}

/** Notes when a process first heard what the store remembers. */
function withFirstHearing(store: Store, clock: VirtualClock) {
  let knowsSince = Infinity
  const readFleet: Store['readFleet'] = async (...args) => {
    const memory = await store.readFleet(...args)
    knowsSince = Math.min(knowsSince, clock.now())
    return memory
  }
  return {
    store: new Proxy(store, {
      get: (target, name) => (name === 'readFleet' ? readFleet : Reflect.get(target, name)),
    }),
    knowsSince: () => knowsSince,
  }
}

function describe({ reason, message }: NewFleetEvent): string {
  return `· ${reason}: ${message.split('\n')[0]}`
}

/** Starts one run of the controller, put together as app.ts does it, but for files and HTTP. */
export function startController(parts: ControllerParts, name: string): ControllerRun {
  const { clock, vpns, engines, say, bug } = parts
  const process = clock.process(name)
  const random = parts.random.fork(name)
  const isAlone = parts.leases.servers.length === 0
  // Whoever runs alone goes by the same clock as its store.
  if (isAlone) process.wallAheadMs = parts.storeHooks.server.aheadMs
  const client = storeClient(parts.store, process, parts.storeHooks)
  const heard = withFirstHearing(client, clock)
  const own = isAlone || bug?.trustsWallClocks ? heard.store : steadied(heard.store, process.clock)
  const watched = withListTimes(parts.docker.client(process), clock)
  const { listedAt } = watched
  const sound = { docker: watched.docker, store: own, leases: parts.leases.source(process) }
  const { docker, store, leases } = bug?.ports?.(sound, random.fork('bug')) ?? sound
  const log = makeLogger({
    level: 'error',
    pretty: false,
    colour: false,
    clock,
    to: {
      // To lose a lease while campaigning is the weather; anything else of this level should not exist.
      write: (line) => {
        if (!line.includes('ACE_LEASE_LOST')) parts.onBroken(new Error(`${name} logged ${line}`))
      },
    },
  })
  let reconciles = 0
  const { replicas, peers } = makeNeighbours({
    ...{ store, clock: process.clock, log, holder: name },
    fleets: () => fleets,
    ruling: parts.ruling,
  })
  const fleets: Fleets = makeFleets({
    instance: 'default',
    docker,
    store,
    leases,
    probe: engines.probe(process),
    readControl: vpns.readControl(process),
    restartVpn: vpns.restartVpn(process),
    clock: process.clock,
    random: random.next,
    record: (event) => say(name, describe(event)),
    log,
    newReconcileId: () => `${name}/${++reconciles}`,
    holder: name,
    patienceMs: PATIENCE_MS,
    peers: isAlone ? undefined : peers,
  })
  const ending = new AbortController()
  const guard = (work: Promise<unknown>) =>
    void work.catch((error: unknown) => {
      if (process.state !== 'dead' && !ending.signal.aborted) parts.onBroken(error)
    })
  guard(fleets.rule([parts.ruling()]))
  guard(fleets.followEvents(ending.signal))
  const served = fleets.serve(ending.signal)
  guard(served)
  if (!isAlone) guard(replicas.follow(ending.signal))
  guard(fleets.askDocker(ending.signal))
  return {
    process,
    listedAt,
    knowsSince: heard.knowsSince,
    rule: (desired) => guard(fleets.rule([desired])),
    wake: (fleet) => fleets.wake(fleet),
    kill: () => process.kill(),
    async end() {
      ending.abort(new Error('SIGTERM'))
      await served
      await fleets[Symbol.asyncDispose]()
      if (!isAlone) await replicas.leave()
      process.kill()
    },
  }
}
