import type { Refusal, Verb } from '../../src/docker/answer.ts'
import type {
  ContainerDetail,
  ContainerHealth,
  ContainerId,
  ContainerSpec,
  ContainerState,
} from '../../src/docker/port.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { Clock } from '../../src/time/clock.ts'
import type { Random } from './random.ts'

/** A container as it truly is, whatever any list, event or answer says. */
export interface WorldContainer extends ContainerDetail {
  readonly spec: ContainerSpec
  /** Its network namespace while it runs: grows with every start of a namespace's owner. */
  readonly netns: number | undefined
  /** It runs unpaused, in a namespace that still has its network: its ports could be reached. */
  readonly isReachable: boolean
  readonly log: readonly string[]
}

/** What the process in a container does. */
export interface Program {
  /** Ports it binds within its namespace. When one is taken it exits with code 1. */
  readonly ports: readonly number[]
  /** ms from SIGTERM to its exit; Infinity when it ignores SIGTERM. */
  readonly stopMs: number
  /** ms after its start at which it exits by itself. */
  readonly exitAfterMs?: number | undefined
  readonly exitCode?: number | undefined
  /** Lines that it writes at its start. */
  readonly output?: readonly string[] | undefined
}

export type EffectVerb =
  | 'create'
  | 'start'
  | 'stop'
  | 'die'
  | 'remove'
  | 'destroy'
  | 'pause'
  | 'unpause'
  | 'rename'
  | 'health'

/** Who does something: a process under a lease, or the world itself. */
export interface Doer {
  readonly name: string
  readonly epoch?: number | undefined
  /** The mark that a stop or remove was asked for with. */
  readonly mark?: Mark | undefined
}

/** One change of the world, for judges that trust nobody's word. */
export interface Effect extends Doer {
  readonly sequence: number
  /** Unix ms. */
  readonly at: number
  readonly verb: EffectVerb
  /** As it was right after. */
  readonly container: WorldContainer
}

/** The daemon's "no", before anybody made an error of it. */
export class DaemonRefusal extends Error {
  override readonly name = 'DaemonRefusal'
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

interface Container {
  readonly id: ContainerId
  readonly spec: ContainerSpec
  readonly networkMode: string
  readonly createdAt: number
  readonly log: string[]
  name: string
  state: ContainerState
  startedAt: number
  startedAtText: string
  finishedAt: number
  exitCode: number
  error: string
  health: ContainerHealth
  netns: number | undefined
  bound: readonly number[]
  /** Told when it has exited. */
  waiters: (() => void)[]
  /** Kills what the running process has planned, such as its exit after a SIGTERM. */
  plans: Disposable[]
}

/** How long a started process takes to bind its ports. */
const BIND_MS = 20

export interface WorldOptions {
  readonly clock: Clock
  readonly random: Random
  readonly program: (spec: ContainerSpec) => Program
  readonly onEffect: (effect: Effect) => void
}

/** The containers, names, ports and network namespaces of one daemon; synchronous but for the time that processes take. */
export class DockerWorld {
  readonly #options: WorldOptions
  readonly #containers = new Map<ContainerId, Container>()
  readonly images = new Set<string>()
  #namespaces = 0
  #sequence = 0

  constructor(options: WorldOptions) {
    this.#options = options
  }

  all(): readonly WorldContainer[] {
    return [...this.#containers.values()].map((container) => this.#view(container))
  }

  /** By full id, id prefix of 12 or more, or name, as the daemon looks a container up. */
  find(reference: string): WorldContainer | undefined {
    const found = this.#lookup(reference)
    return found === undefined ? undefined : this.#view(found)
  }

  create(doer: Doer, spec: ContainerSpec): ContainerId {
    const holder = [...this.#containers.values()].find(({ name }) => name === spec.name)
    if (holder !== undefined) {
      const message = `Conflict. The container name "/${spec.name}" is already in use by container "${holder.id}". You have to remove (or rename) that container to be able to reuse that name.`
      throw refuse('create', spec.name, 409, message)
    }
    if (!this.images.has(spec.image)) {
      throw refuse('create', spec.name, 404, `No such image: ${spec.image}`)
    }
    if (ownerOf(spec.networkMode) !== undefined && spec.publish.length > 0) {
      const message = 'conflicting options: port publishing and the container type network mode'
      throw refuse('create', spec.name, 400, message)
    }
    const container: Container = {
      id: this.#newId(),
      spec,
      networkMode: this.#resolveNetwork(spec.networkMode),
      createdAt: Math.floor(this.#options.clock.now() / 1000) * 1000,
      log: [],
      name: spec.name,
      state: 'created',
      startedAt: 0,
      startedAtText: '0001-01-01T00:00:00Z',
      finishedAt: 0,
      exitCode: 0,
      error: '',
      health: 'none',
      netns: undefined,
      bound: [],
      waiters: [],
      plans: [],
    }
    this.#containers.set(container.id, container)
    this.#record('create', doer, container)
    return container.id
  }

  start(doer: Doer, id: string): void {
    const container = this.#need('start', id)
    if (container.state === 'running') throw refuse('start', id, 304, '')
    if (container.state === 'paused') {
      throw refuse('start', id, 409, 'cannot start a paused container, try unpause instead')
    }
    if (container.state === 'removing' || container.state === 'dead') {
      const message = 'container is marked for removal and cannot be started'
      throw refuse('start', id, 409, message)
    }
    container.netns = this.#namespaceFor(container)
    this.#refuseTakenHostPorts(container)
    container.state = 'running'
    container.startedAt = this.#options.clock.now()
    container.startedAtText = this.#nanoText(container.startedAt)
    container.error = ''
    container.exitCode = 0
    container.log.push(...(this.#options.program(container.spec).output ?? []))
    this.#record('start', doer, container)
    this.#run(container)
  }

  /** SIGTERM, then SIGKILL after the grace. Resolves when the process has exited. */
  async stop(doer: Doer, id: string, graceS: number): Promise<void> {
    const container = this.#need('stop', id)
    if (!isAlive(container)) throw refuse('stop', id, 304, '')
    this.#record('stop', doer, container)
    const { stopMs } = this.#options.program(container.spec)
    const gone = new Promise<void>((resolve) => container.waiters.push(resolve))
    // A paused process can not handle SIGTERM: only SIGKILL ends it.
    const isDeaf = container.state === 'paused' || stopMs > graceS * 1000
    const afterMs = isDeaf ? graceS * 1000 : stopMs
    this.#later(container, afterMs, () => this.exit(container.id, isDeaf ? 137 : 143))
    await gone
  }

  /** Resolves when the name is free again. */
  async remove(doer: Doer, id: string): Promise<void> {
    const container = this.#need('remove', id)
    if (isAlive(container)) {
      const message = `You cannot remove a ${container.state} container ${id}. Stop the container before attempting removal or force remove`
      throw refuse('remove', id, 409, message)
    }
    if (container.state === 'removing') {
      throw refuse('remove', id, 409, `removal of container ${id} is already in progress`)
    }
    container.state = 'removing'
    this.#record('remove', doer, container)
    await this.#options.clock.sleep(this.#options.random.int(5, 60))
    this.#containers.delete(container.id)
    this.#record('destroy', doer, container)
  }

  /** The process in it ends. */
  exit(id: string, exitCode: number, doer: Doer = DAEMON): void {
    const container = this.#lookup(id)
    if (container === undefined || !isAlive(container)) return
    for (const plan of container.plans.splice(0)) plan[Symbol.dispose]()
    container.state = 'exited'
    container.exitCode = exitCode
    container.finishedAt = this.#options.clock.now()
    container.bound = []
    container.health = 'none'
    this.#record('die', doer, container)
    for (const wake of container.waiters.splice(0)) wake()
  }

  /** Removes it at once whatever it does, as `docker rm -f`. */
  destroy(id: string, doer: Doer): void {
    this.exit(id, 137, doer)
    const container = this.#need('remove', id)
    this.#containers.delete(container.id)
    this.#record('destroy', doer, container)
  }

  setPaused(id: string, isPaused: boolean, doer: Doer): void {
    const container = this.#need('inspect', id)
    if (container.state !== (isPaused ? 'running' : 'paused')) return
    container.state = isPaused ? 'paused' : 'running'
    this.#record(isPaused ? 'pause' : 'unpause', doer, container)
  }

  rename(id: string, name: string, doer: Doer): void {
    const container = this.#need('inspect', id)
    if (this.#lookup(name) !== undefined) throw refuse('inspect', name, 409, 'name is taken')
    container.name = name
    this.#record('rename', doer, container)
  }

  setHealth(id: string, health: ContainerHealth, doer: Doer): void {
    const container = this.#need('inspect', id)
    container.health = health
    this.#record('health', doer, container)
  }

  #lookup(reference: string): Container | undefined {
    const byId = this.#containers.get(reference as ContainerId)
    if (byId !== undefined) return byId
    const isPrefix = /^[0-9a-f]{12,63}$/.test(reference)
    for (const container of this.#containers.values()) {
      if (container.name === reference) return container
      if (isPrefix && container.id.startsWith(reference)) return container
    }
    return undefined
  }

  #need(verb: Verb, id: string): Container {
    const found = this.#lookup(id)
    if (found === undefined) throw refuse(verb, id, 404, `No such container: ${id}`)
    return found
  }

  /** Docker resolves the owner's name to its id at create, and takes an owner that does not exist as it stands. */
  #resolveNetwork(mode: string): string {
    const owner = ownerOf(mode)
    return owner === undefined ? mode : `container:${this.#lookup(owner)?.id ?? owner}`
  }

  #namespaceFor(container: Container): number {
    const reference = ownerOf(container.networkMode)
    if (reference === undefined) return ++this.#namespaces
    const owner = this.#lookup(reference)
    const failed = (status: number, message: string) => {
      container.exitCode = 128
      container.error = message
      return refuse('start', container.id, status, message)
    }
    if (owner === undefined) throw failed(404, `No such container: ${reference}`)
    if (!isAlive(owner) || owner.netns === undefined) {
      throw failed(409, `cannot join network of a non running container: ${owner.id}`)
    }
    return owner.netns
  }

  #refuseTakenHostPorts(container: Container): void {
    for (const { hostPort, protocol } of container.spec.publish) {
      const isTaken = [...this.#containers.values()].some(
        (other) =>
          other !== container &&
          isAlive(other) &&
          other.spec.publish.some((p) => p.hostPort === hostPort && p.protocol === protocol),
      )
      if (!isTaken) continue
      container.error = `driver failed programming external connectivity on endpoint ${container.name}: port ${hostPort} is already allocated`
      container.netns = undefined
      throw refuse('start', container.id, 500, container.error)
    }
  }

  #run(container: Container): void {
    const program = this.#options.program(container.spec)
    this.#later(container, BIND_MS, () => {
      const taken = program.ports.find((port) => this.#isBound(container.netns, port))
      if (taken === undefined) {
        container.bound = program.ports
        return
      }
      container.log.push(`port ${taken} is already in use`)
      this.exit(container.id, 1)
    })
    if (program.exitAfterMs === undefined) return
    this.#later(container, program.exitAfterMs, () =>
      this.exit(container.id, program.exitCode ?? 1),
    )
  }

  #isBound(netns: number | undefined, port: number): boolean {
    return [...this.#containers.values()].some(
      (other) => isAlive(other) && other.netns === netns && other.bound.includes(port),
    )
  }

  #later(container: Container, ms: number, act: () => void): void {
    container.plans.push(this.#options.clock.timer(ms, act))
  }

  /** A namespace lives while its owner's present run goes on. */
  #hasNetwork(container: Container): boolean {
    const reference = ownerOf(container.networkMode)
    if (reference === undefined) return true
    const owner = this.#lookup(reference)
    return owner !== undefined && isAlive(owner) && owner.netns === container.netns
  }

  #view(container: Container): WorldContainer {
    const { spec, id, name, state, networkMode, createdAt } = container
    const isJoined = ownerOf(networkMode) !== undefined
    return {
      spec,
      id,
      name,
      state,
      networkMode,
      createdAt,
      labels: spec.labels,
      image: spec.image,
      startedAt: container.startedAt,
      startedAtText: container.startedAtText,
      finishedAt: container.finishedAt,
      exitCode: container.exitCode,
      error: container.error,
      oomKilled: false,
      health: container.health,
      addresses:
        isAlive(container) && !isJoined ? { [networkMode]: `172.17.0.${container.netns}` } : {},
      netns: isAlive(container) ? container.netns : undefined,
      isReachable: state === 'running' && this.#hasNetwork(container),
      log: [...container.log],
    }
  }

  #record(verb: EffectVerb, doer: Doer, container: Container): void {
    this.#options.onEffect({
      ...doer,
      sequence: this.#sequence++,
      at: this.#options.clock.now(),
      verb,
      container: this.#view(container),
    })
  }

  #newId(): ContainerId {
    const part = () => this.#options.random.int(0, 0xffff).toString(16).padStart(4, '0')
    return Array.from({ length: 16 }, part).join('') as ContainerId
  }

  /** Docker's spelling, with nanoseconds that no two starts share. */
  #nanoText(at: number): string {
    const rest = String(this.#namespaces * 1000 + (this.#sequence % 1000))
      .padStart(6, '0')
      .slice(-6)
    return new Date(at).toISOString().replace('Z', `${rest}Z`)
  }
}

/** The daemon itself, as the doer of what nobody asked for. */
export const DAEMON: Doer = { name: 'daemon' }

function refuse(verb: Verb, target: string, status: number, message: string): DaemonRefusal {
  return new DaemonRefusal({ verb, target, status, message })
}

function isAlive({ state }: { readonly state: ContainerState }): boolean {
  return state === 'running' || state === 'paused'
}

function ownerOf(networkMode: string): string | undefined {
  return networkMode.startsWith('container:') ? networkMode.slice('container:'.length) : undefined
}
