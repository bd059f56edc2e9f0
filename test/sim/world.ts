import { isMutation } from '../../src/docker/answer.ts'
import { engineTemplate } from '../../src/engine/template.ts'
import type { DesiredFleet } from '../../src/spec/decision.ts'
import type { Fleet } from '../../src/spec/fleet.ts'
import { fleetHash } from '../../src/spec/hash.ts'
import type { Store } from '../../src/store/store.ts'
import type { Bug } from './bug.ts'
import { type ControllerRun, startController } from './controller-process.ts'
import { EngineWorld } from './engine-world.ts'
import { type FakeDocker, makeFakeDocker } from './fake-docker.ts'
import { CALM, delayOf, type Fate } from './fate.ts'
import { Judge } from './judge.ts'
import { type LeaseWorld, lockedLeases, servedLeases } from './lease-world.ts'
import { ownerOf } from './namespaces.ts'
import { nearStore } from './near-store.ts'
import { Network } from './network.ts'
import type { Random } from './random.ts'
import { IMAGES } from './sim-fleet.ts'
import type { StoreHooks } from './sim-store.ts'
import { StoreWorld } from './store-world.ts'
import { makeStrike } from './strike.ts'
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
  /** How many servers keep the lease; 0: it is a file's lock. */
  readonly leaseServers: number
  /** How many controllers there should be; default one. */
  readonly size?: number
}

/** A whole world on virtual time: a daemon, VPN nodes, engines, a store, a lease, controllers, viewers and a judge. */
export interface World {
  readonly clock: VirtualClock
  readonly docker: FakeDocker
  /** The store itself, as those use it who are always near. */
  readonly store: Store
  readonly memory: StoreWorld
  readonly network: Network
  readonly vpns: VpnWorld
  readonly engines: EngineWorld
  readonly viewers: Viewers
  readonly leases: LeaseWorld
  readonly truth: Truth
  readonly judge: Judge
  readonly random: Random
  readonly say: Say
  fate: Fate
  /** Monotonic ms until which something that was held up may still have its effect. */
  lateUntil(): number
  /** By how much clocks were set, all in all: what waits for an instant of Docker's may wait for so much longer. */
  steppedMs: number
  /** What is going to happen to it, unless it is called off. */
  readonly pending: Disposable[]
  /** Controllers that run or are paused. */
  controllers(): readonly ControllerRun[]
  fleet(): Fleet
  /** The document is edited. */
  rule(fleet: Fleet): void
  /** Starts one more controller. */
  start(): ControllerRun
  /** Starts as many controllers as are missing. */
  restock(): void
  [Symbol.asyncDispose](): Promise<void>
}

function desiredOf(fleet: Fleet, generation: number): DesiredFleet {
  const from = { source: 'sim.yaml', declaredIn: 'sim.yaml:1' }
  return { fleet, generation, hash: fleetHash(fleet), ...from, conditions: [] }
}

/** Builds the world of a fleet, without a controller yet. */
export async function makeWorld(parts: WorldParts): Promise<World> {
  const { random, say, bug } = parts
  const clock = makeVirtualClock()
  const docker = makeFakeDocker({ clock, random: random.fork('docker'), ...IMAGES_OF_WORLD })
  const memory = new StoreWorld({
    clock,
    isFile: parts.leaseServers === 0,
    onState: (state) => {
      if (state === 'up') viewers.storeReturned()
      else viewers.storeLeft()
    },
    onOblivion: () => {
      viewers.storeLeft()
      viewers.storeReturned()
      judge.onOblivion(memory.marks(parts.fleet.name))
    },
  })
  const server = bug?.store?.(memory.store) ?? memory.store
  const store = nearStore(server, memory)
  const network = new Network()
  const runs = new Map<string, ControllerRun>()
  const runOf = (process: string) => runs.get(process)
  const strike = makeStrike({ clock, random, say, runOf, fate: () => world.fate })
  const leases =
    parts.leaseServers === 0
      ? lockedLeases()
      : servedLeases({
          ...{ clock, random: random.fork('leases'), count: parts.leaseServers },
          onSent: ({ name }) => strike.atLook(name, 'lease request'),
        })
  const carriesSince = (id: string) => {
    const owner = docker.world().find((each) => each.id === id)
    return owner === undefined ? 0 : vpns.carriesSince(owner.name)
  }
  const engines = new EngineWorld({ docker, clock, random: random.fork('engines'), carriesSince })
  const names = parts.fleet.vpn.nodes.map(({ name }) => name)
  const vpns: VpnWorld = new VpnWorld({
    docker,
    clock,
    random: random.fork('vpns'),
    names,
    onChange: (change) => {
      const { isUp, isServerGone, port, control, halted } = change.tunnel
      const word = `${halted ?? (isUp ? 'up' : 'not up')}${isServerGone ? ', server gone' : ''}`
      say('vpn', `${change.name} ${word} port ${port} control ${control}`)
      truth.onTunnel(change)
    },
    onTold: (told) => {
      say(told.by, `tells ${told.name} ${told.status}`)
      judge.onTold(told)
    },
  })
  const nameOf = (id: string) => truth.find(id)?.name ?? id
  const viewers = new Viewers({
    ...{ store, docker, clock, random: random.fork('viewers') },
    carries: ({ networkMode }) => {
      const owner = ownerOf(networkMode)
      return owner === undefined || carriesSince(owner) !== undefined
    },
    onOverbooked: (engine) =>
      judge.violations.push(`I3: ${nameOf(engine)} was promised to too many`),
    onTurnedAway: ({ engine, id }, answer) =>
      judge.onTurnedAway(engine, `${id} on ${nameOf(engine)} was answered ${answer}`),
  })
  const truth = new Truth({ docker, clock, engines, viewers, runOf })
  const judge = new Judge(truth, leases)
  let ruling = desiredOf(parts.fleet, 1)
  let lateUntil = 0

  docker.fault = (call) => {
    const isChange = isMutation(call.verb)
    if (runOf(call.by)?.process.state === 'dead') return { kind: 'lostRequest' }
    if (isChange) judge.onCall(call)
    const what = `${call.verb} ${call.target.slice(0, 20)}`
    if (network.isCut(call.by, 'docker')) return { kind: 'unreachable' }
    const struck = isChange ? strike.atChange(call.by, what) : undefined
    if (struck === 'before') return { kind: 'lostRequest' }
    // Pings come all the time, and nothing follows from one: a pause there is a pause anywhere.
    if (!isChange && call.verb !== 'ping') strike.atLook(call.by, what)
    const fault =
      struck === 'stall' ? STALLED : network.isDockerHung(call.by) ? HUNG : world.fate.docker(call)
    // Whatever else befalls it, a daemon that is down refuses the call, and its caller hears so.
    judge.onFault(call, docker.isDown() ? { kind: 'unreachable' } : fault)
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
      if (network.isCut(by, 'store') || memory.state === 'refuses') return 'fails'
      const struck = isWrite ? strike.atChange(by, `store ${method}`) : undefined
      if (struck !== undefined) return STORE_FATES[struck]
      const fate = world.fate.store(isWrite)
      if (fate !== undefined) say(by, `store ${method} ${fate}`)
      return fate
    },
    after: (call, result) => judge.onStoreWrite(call, result),
    latencyMs: () => world.fate.storeLatencyMs(),
    clock,
    server: memory,
  }

  const world: World = {
    clock,
    docker,
    store,
    memory,
    network,
    vpns,
    engines,
    viewers,
    leases,
    truth,
    judge,
    random,
    say,
    fate: { ...CALM },
    lateUntil: () => Math.max(lateUntil, strike.lateUntil()),
    steppedMs: 0,
    pending: [],
    controllers: () => [...runs.values()].filter(({ process }) => process.state !== 'dead'),
    fleet: () => ruling.fleet,
    rule(next) {
      ruling = desiredOf(next, ruling.generation + 1)
      say(
        'user',
        `edits the spec: replicas ${next.replicas}, ${next.engine.image}, hash ${engineTemplate(next).specHash}, ${JSON.stringify({ ...next.forwarding, ...next.update })} cordoned ${next.vpn.nodes.filter((n) => n.cordon).map((n) => n.name)}`,
      )
      truth.onSpec(next)
      for (const run of world.controllers()) run.rule(ruling)
    },
    start() {
      const name = `controller-${runs.size + 1}`
      say(name, 'STARTS')
      const run = startController(
        {
          clock,
          docker,
          store: server,
          storeHooks,
          leases,
          vpns,
          engines,
          random,
          bug,
          say,
          ruling: () => ruling,
          onBroken: (error) => judge.violations.push(`broken: ${String(error)}`),
        },
        name,
      )
      runs.set(name, run)
      return run
    },
    restock() {
      while (world.controllers().length < (parts.size ?? 1)) world.start()
    },
    async [Symbol.asyncDispose]() {
      for (const run of world.controllers()) run.kill()
      await memory[Symbol.asyncDispose]()
    },
  }
  truth.onSpec(ruling.fleet)
  vpns.begin()
  return world
}

const STALLED = { kind: 'stalled' } as const
/** What reaches the daemon late is another fault's. */
const HUNG = { kind: 'hang', isCarriedOut: false } as const

const STORE_FATES = { before: 'diesBefore', after: 'diesAfter', stall: 'stalls' } as const

const IMAGES_OF_WORLD = { images: IMAGES.here, registry: IMAGES.registry }
