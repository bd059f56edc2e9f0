import type { Verb } from '../../src/docker/answer.ts'
import type {
  ContainerHealth,
  ContainerId,
  ContainerSpec,
  Docker,
  DockerEvent,
} from '../../src/docker/port.ts'
import { DockerWorld } from './docker-world.ts'
import { type EventFate, EventFeed } from './event-feed.ts'
import { type Call, type Fault, fakeClient, type Wire } from './fake-client.ts'
import type { Random } from './random.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { Doer, Effect, Program, WorldContainer } from './world-container.ts'

export type { Call, Effect, EventFate, Fault, Program, WorldContainer }

/** Called per verb; ms on the way to the daemon and back. */
export type Latency = (verb: Verb) => { readonly requestMs: number; readonly replyMs: number }

export interface FakeDockerOptions {
  readonly clock: VirtualClock
  readonly random: Random
  /** Images that the daemon has. */
  readonly images: readonly string[]
  /** Images that a pull finds. */
  readonly registry?: readonly string[]
  readonly latency?: Latency
  /** By default an engine: binds the ports in its labels, exits 200 ms after SIGTERM. */
  readonly program?: (spec: ContainerSpec) => Program
  /** The client's own limit per call, as in the adapter. */
  readonly timeoutMs?: number
}

/** How a container that nobody asked a controller for comes to be. */
export interface Placement extends Partial<ContainerSpec> {
  readonly name: string
  /** Default true. */
  readonly isStarted?: boolean
  readonly health?: ContainerHealth
}

/**
 * A whole Docker daemon in memory, on virtual time. Itself a {@link Docker} for a caller that never dies; a simulated
 * process gets a client of its own.
 */
export interface FakeDocker extends Docker {
  /** A client whose answers reach the process only while it runs. */
  client(process: SimProcess): Docker

  /** What truly is, apart from every list and answer. */
  world(): readonly WorldContainer[]
  /** By id or name. @throws when there is none. */
  container(reference: string): WorldContainer
  /** It runs, and its namespace still has its network. */
  isReachable(id: string): boolean
  /** Every change of the world so far, oldest first. */
  readonly history: readonly Effect[]
  /** Every call issued so far, refused ones too; a call that a lost lease refused is not in it. */
  readonly calls: readonly Call[]
  /** Called at every effect, right after it: the place of a judge, or of a crash. */
  onEffect: (effect: Effect) => void

  /** Decides on a fault for each call; undefined for none. Asked before those of `failNext`. */
  fault: (call: Call) => Fault | undefined
  /** The next `times` calls of this verb get this fault. */
  failNext(verb: Verb, fault: Fault, times?: number): void
  /** A daemon that is down refuses connections and cuts what is under way; its containers run on. */
  setDown(isDown: boolean): void
  isDown(): boolean
  /** What befalls each event on its way to each subscriber. */
  eventFate: (event: DockerEvent) => EventFate
  /** Breaks every event stream. */
  cutEvents(): void

  /** Puts a container there at once: a VPN node, a foreign one, a tampered one. */
  place(placement: Placement): ContainerId
  /** Its process ends with this code. */
  kill(reference: string, exitCode?: number): void
  /** Stopped and started: the same id, a new StartedAt and a new namespace. */
  restart(reference: string): void
  /** `docker stop`, without the wait. */
  halt(reference: string): void
  /** `docker start`. */
  startUp(reference: string): void
  /** `docker rm -f`. */
  destroy(reference: string): void
  /** Destroyed and made anew under its name: a new id. */
  recreate(reference: string): ContainerId
  pause(reference: string): void
  unpause(reference: string): void
  renameTo(reference: string, name: string): void
  setHealth(reference: string, health: ContainerHealth): void
  addImage(image: string): void
  removeImage(image: string): void
}

const WORLD: Doer = { name: 'world' }

/** The adapter's own default. */
const TIMEOUT_MS = 15_000

/** Rough p50 … p99 as measured on dockerd 20.10, ms. */
const LATENCY_MS: Readonly<Record<Verb, readonly [number, number]>> = {
  list: [2, 25],
  inspect: [1, 8],
  logTail: [1, 8],
  hasImage: [1, 4],
  version: [1, 4],
  ping: [1, 4],
  events: [1, 4],
  create: [8, 20],
  start: [100, 220],
  stop: [2, 20],
  restart: [100, 220],
  remove: [2, 20],
  pull: [200, 2000],
}

function drawLatency(random: Random): Latency {
  const draw = random.fork('latency')
  return (verb) => {
    const [low, high] = LATENCY_MS[verb]
    const ms = draw.int(low, high)
    const requestMs = draw.int(0, ms)
    return { requestMs, replyMs: ms - requestMs }
  }
}

/** An engine, told by its labels; anything else binds nothing. */
function engineProgram(spec: ContainerSpec): Program {
  const ports = [spec.labels['acestream.http_port'], spec.labels['acefleet.p2p-port']]
    .map(Number)
    .filter((port) => Number.isInteger(port) && port > 0)
  return { ports, stopMs: 200 }
}

/** The event's action, where the effect has one. */
function actionOf({ verb, container }: Effect): string | undefined {
  switch (verb) {
    // Docker's `kill` event is filtered out by the adapter, and a removal shows only at its end.
    case 'stop':
    case 'remove':
      return undefined
    case 'health':
      return `health_status: ${container.health}`
    default:
      return verb
  }
}

/** Builds a daemon without containers. */
export function makeFakeDocker(options: FakeDockerOptions): FakeDocker {
  const { clock, random } = options
  const history: Effect[] = []
  const calls: Call[] = []
  const planned: { verb: Verb; fault: Fault }[] = []
  const feed = new EventFeed(clock)
  const world = new DockerWorld({
    clock,
    random: random.fork('world'),
    program: options.program ?? engineProgram,
    onEffect: (effect) => {
      history.push(effect)
      const action = actionOf(effect)
      const { id, name, labels } = effect.container
      if (action !== undefined) feed.publish({ action, id, name, labels, at: effect.at })
      fake.onEffect(effect)
    },
  })
  for (const image of options.images) world.images.add(image)

  const wire: Wire = {
    clock,
    world,
    feed,
    registry: new Set(options.registry ?? []),
    latency: options.latency ?? drawLatency(random),
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    isDown: false,
    cuts: new Set(),
    admit: (call) => {
      const recorded: Call = { ...call, sequence: calls.length }
      calls.push(recorded)
      const fault = fake.fault(recorded)
      if (fault !== undefined) return fault
      const index = planned.findIndex(({ verb }) => verb === recorded.verb)
      return index < 0 ? undefined : planned.splice(index, 1)[0]?.fault
    },
  }

  const idOf = (reference: string) => fake.container(reference).id
  const fake: FakeDocker = {
    ...fakeClient(wire, clock.process('test')),
    client: (process) => fakeClient(wire, process),
    world: () => world.all(),
    container: (reference) => {
      const found = world.find(reference)
      if (found === undefined) throw new Error(`no container ${reference} in the world`)
      return found
    },
    isReachable: (id) => world.find(id)?.isReachable ?? false,
    history,
    calls,
    onEffect: () => {},
    fault: () => undefined,
    failNext: (verb, fault, times = 1) => {
      for (let i = 0; i < times; i++) planned.push({ verb, fault })
    },
    setDown: (isDown) => {
      wire.isDown = isDown
      if (!isDown) return
      feed.cut()
      for (const cut of [...wire.cuts]) cut()
    },
    isDown: () => wire.isDown,
    get eventFate() {
      return feed.fate
    },
    set eventFate(fate) {
      feed.fate = fate
    },
    cutEvents: () => feed.cut(),
    place: ({ isStarted = true, health, ...placement }) => {
      const spec = { ...BARE, ...placement }
      world.images.add(spec.image)
      const id = world.create(WORLD, spec)
      if (isStarted) world.start(WORLD, id)
      if (health !== undefined) world.setHealth(id, health, WORLD)
      return id
    },
    kill: (reference, exitCode = 137) => world.exit(idOf(reference), exitCode, WORLD),
    restart: (reference) => {
      world.exit(idOf(reference), 143, WORLD)
      world.start(WORLD, idOf(reference))
    },
    halt: (reference) => world.exit(idOf(reference), 143, WORLD),
    startUp: (reference) => world.start(WORLD, idOf(reference)),
    destroy: (reference) => world.destroy(idOf(reference), WORLD),
    recreate: (reference) => {
      const { spec, name } = fake.container(reference)
      world.destroy(idOf(reference), WORLD)
      const id = world.create(WORLD, { ...spec, name })
      world.start(WORLD, id)
      return id
    },
    pause: (reference) => world.setPaused(idOf(reference), true, WORLD),
    unpause: (reference) => world.setPaused(idOf(reference), false, WORLD),
    renameTo: (reference, name) => world.rename(idOf(reference), name, WORLD),
    setHealth: (reference, health) => world.setHealth(idOf(reference), health, WORLD),
    addImage: (image) => void world.images.add(image),
    removeImage: (image) => void world.images.delete(image),
  }
  return fake
}

const BARE: Omit<ContainerSpec, 'name'> = {
  image: 'busybox',
  env: [],
  labels: {},
  networkMode: 'bridge',
  publish: [],
}
