import { isMutation } from '../../src/docker/answer.ts'
import { engineTemplate } from '../../src/engine/template.ts'
import type { DesiredFleet } from '../../src/spec/decision.ts'
import type { Fleet } from '../../src/spec/fleet.ts'
import { fleetHash } from '../../src/spec/hash.ts'
import { openEmbeddedStore } from '../../src/store/embedded/open.ts'
import type { Store } from '../../src/store/store.ts'
import { type Bug, type ControllerRun, startController } from './controller-process.ts'
import { EngineWorld } from './engine-world.ts'
import { type Call, type FakeDocker, type Fault, makeFakeDocker } from './fake-docker.ts'
import { Judge } from './judge.ts'
import type { Random } from './random.ts'
import { IMAGES } from './sim-fleet.ts'
import { SimLeases } from './sim-leases.ts'
import type { StoreFate, StoreHooks } from './sim-store.ts'
import { Truth } from './truth.ts'
import { Viewers } from './viewers.ts'
import { makeVirtualClock, type VirtualClock } from './virtual-clock.ts'
import { VpnWorld } from './vpn-world.ts'

export type Say = (who: string, line: string) => void

export interface WorldParts {
  readonly fleet: Fleet
  readonly random: Random
  readonly say: Say
  readonly bug: Bug | undefined
  /** Whether the lease is a file's lock, or a server's lease that lapses. */
  readonly isLock: boolean
}

/** What becomes of a process at a side effect. A pause outlasts its lease. */
export type Crash = 'before' | 'after' | 'pause'

/** How long such a pause is, ms. */
const PAUSE_MS = [5_000, 15_000] as const

/** And how long its end is felt: another term begins, ms. */
const SHAKEN_MS = 3_000

/** What befalls the side effects of controllers; settable while the world goes on. */
export interface Fate {
  docker: (call: Call) => Fault | undefined
  store: (isWrite: boolean) => StoreFate
  storeLatencyMs: () => number
  /** Asked at each side effect: a change of Docker's or the store's, before it is sent. */
  crash: (what: string) => Crash | undefined
  /** Asked at each reading call: whether the process is paused then. */
  pausesAtLook: () => boolean
}

const CALM: Fate = {
  docker: () => undefined,
  store: () => undefined,
  storeLatencyMs: () => 0,
  crash: () => undefined,
  pausesAtLook: () => false,
}

/** A whole world on virtual time: a daemon, VPN nodes, engines, a store, a lease, controllers, viewers and a judge. */
export interface World {
  readonly clock: VirtualClock
  readonly docker: FakeDocker
  readonly store: Store
  readonly vpns: VpnWorld
  readonly engines: EngineWorld
  readonly viewers: Viewers
  readonly leases: SimLeases
  readonly truth: Truth
  readonly judge: Judge
  readonly random: Random
  readonly say: Say
  fate: Fate
  /** Monotonic ms until which something that was held up may still have its effect. */
  lateUntil(): number
  /** What is going to happen to it, unless it is called off. */
  readonly pending: Disposable[]
  /** Controllers that run or are paused. */
  controllers(): readonly ControllerRun[]
  fleet(): Fleet
  /** The document is edited. */
  rule(fleet: Fleet): void
  /** Starts one more controller. */
  start(): ControllerRun
  [Symbol.asyncDispose](): Promise<void>
}

/** How long a call may still have consequences that this befalls: until it lands, or its caller gives it up and retries. */
function delayOf(fault: Fault | undefined, isChange: boolean): number {
  if (fault?.kind === 'slow') return fault.requestMs ?? fault.replyMs ?? 0
  if (fault?.kind === 'hang') return isChange ? 28_000 : 21_000
  return 0
}

/** Builds the world of a fleet, without a controller yet. */
export async function makeWorld(parts: WorldParts): Promise<World> {
  const { random, say, bug } = parts
  const clock = makeVirtualClock()
  const docker = makeFakeDocker({ clock, random: random.fork('docker'), ...IMAGES_OF_WORLD })
  const store = await openEmbeddedStore({ dir: ':memory:', clock, newId: () => 'incarnation-1' })
  const leases = new SimLeases(clock, parts.isLock)
  const engines = new EngineWorld({ docker, clock, random: random.fork('engines') })
  const names = parts.fleet.vpn.nodes.map(({ name }) => name)
  const vpns: VpnWorld = new VpnWorld({
    docker,
    clock,
    random: random.fork('vpns'),
    names,
    onChange: (change) => {
      const { isUp, port, control, halted } = change.tunnel
      say(
        'vpn',
        `${change.name} ${halted ?? (isUp ? 'up' : 'not up')} port ${port} control ${control}`,
      )
      truth.onTunnel(change)
    },
  })
  const viewers = new Viewers({ store, docker, engines, clock, random: random.fork('viewers') })
  const runs = new Map<string, ControllerRun>()
  const runOf = (process: string) => runs.get(process)
  const truth = new Truth({ docker, clock, engines, viewers, runOf })
  const judge = new Judge(truth, leases)
  let fleet = parts.fleet
  let generation = 1
  let lateUntil = 0

  const desired = (): DesiredFleet => ({
    fleet,
    generation,
    hash: fleetHash(fleet),
    source: 'sim.yaml',
    declaredIn: 'sim.yaml:1',
    conditions: [],
  })

  /** Beyond its lease, where that lapses. */
  function pause({ process }: ControllerRun, what: string): void {
    say(process.name, `IS PAUSED after ${what}`)
    process.pause()
    const first = random.pick(['io', 'timers'] as const)
    const pauseMs = random.int(...PAUSE_MS)
    clock.timer(pauseMs, () => process.resume(first))
    lateUntil = Math.max(lateUntil, clock.monotonic() + pauseMs + SHAKEN_MS)
  }

  /** Whether a side effect is to be kept from happening because its process died; kills it where fate says so. */
  function dies(name: string, what: string): 'before' | 'after' | undefined {
    const run = runs.get(name)
    if (run === undefined) return undefined
    if (run.process.state === 'dead') return 'before'
    const crash = world.fate.crash(what)
    if (crash === 'pause') {
      pause(run, what)
      return undefined
    }
    if (crash !== undefined) {
      say(name, `DIES ${crash} ${what}`)
      run.kill()
    }
    return crash
  }

  docker.fault = (call) => {
    const isChange = isMutation(call.verb)
    if (runs.get(call.by)?.process.state === 'dead') return { kind: 'lostRequest' }
    if (isChange) judge.onCall(call)
    const what = `${call.verb} ${call.target.slice(0, 20)}`
    if (isChange && dies(call.by, what) === 'before') return { kind: 'lostRequest' }
    const run = runs.get(call.by)
    if (!isChange && run !== undefined && world.fate.pausesAtLook()) pause(run, what)
    const fault = world.fate.docker(call)
    judge.onFault(call, fault)
    lateUntil = Math.max(lateUntil, clock.monotonic() + delayOf(fault, isChange))
    if (isChange || fault !== undefined) {
      const how = fault === undefined ? '' : `  !! ${JSON.stringify(fault)}`
      say(call.by, what + how)
    }
    return fault
  }
  docker.onEffect = (effect) => {
    const { container, verb, name } = effect
    say('docker', `${container.name} ${verb} by ${name} (${container.id.slice(0, 8)})`)
    judge.onEffect(effect)
    vpns.onEffect(effect)
    engines.onEffect(effect)
  }
  const storeHooks: StoreHooks = {
    before({ method, by, isWrite }) {
      const crash = isWrite ? dies(by, `store ${method}`) : undefined
      if (crash !== undefined) return crash === 'before' ? 'diesBefore' : 'diesAfter'
      const fate = world.fate.store(isWrite)
      if (fate !== undefined) say(by, `store ${method} ${fate}`)
      return fate
    },
    after: (call, result) => judge.onStoreWrite(call, result),
    latencyMs: () => world.fate.storeLatencyMs(),
  }

  const world: World = {
    clock,
    docker,
    store,
    vpns,
    engines,
    viewers,
    leases,
    truth,
    judge,
    random,
    say,
    fate: { ...CALM },
    lateUntil: () => lateUntil,
    pending: [],
    controllers: () => [...runs.values()].filter(({ process }) => process.state !== 'dead'),
    fleet: () => fleet,
    rule(next) {
      fleet = next
      generation += 1
      say(
        'user',
        `edits the spec: replicas ${next.replicas}, ${next.engine.image}, hash ${engineTemplate(next).specHash}, ${JSON.stringify({ ...next.forwarding, ...next.update })} cordoned ${next.vpn.nodes.filter((n) => n.cordon).map((n) => n.name)}`,
      )
      truth.onSpec(next)
      for (const run of world.controllers()) run.rule(desired())
    },
    start() {
      const name = `controller-${runs.size + 1}`
      say(name, 'STARTS')
      const run = startController(
        {
          clock,
          docker,
          store,
          storeHooks,
          leases,
          vpns,
          engines,
          random,
          bug,
          say,
          onBroken: (error) => judge.violations.push(`broken: ${String(error)}`),
        },
        name,
        desired(),
      )
      runs.set(name, run)
      return run
    },
    async [Symbol.asyncDispose]() {
      for (const run of world.controllers()) run.kill()
      await store[Symbol.asyncDispose]()
    },
  }
  truth.onSpec(fleet)
  vpns.begin()
  return world
}

const IMAGES_OF_WORLD = { images: IMAGES.here, registry: IMAGES.registry }
