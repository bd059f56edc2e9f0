import type { Verb } from '../../src/docker/answer.ts'
import type { ContainerHealth, ContainerId, ContainerSpec } from '../../src/docker/port.ts'
import type { Clock } from '../../src/time/clock.ts'
import { makeNamespaces, type Namespaces, ownerOf } from './namespaces.ts'
import type { Random } from './random.ts'
import {
  type Container,
  type Doer,
  type Effect,
  type EffectVerb,
  isAlive,
  newContainer,
  type Program,
  refuse,
  viewOf,
  type WorldContainer,
} from './world-container.ts'

/** How long a started process takes to bind its ports. */
const BIND_MS = 20

/** How long a removal takes, ms: the name is free only after it. */
const REMOVAL_MS: readonly [number, number] = [5, 60]

/** The daemon itself, as the doer of what nobody asked for. */
const DAEMON: Doer = { name: 'daemon' }

export interface WorldOptions {
  readonly clock: Clock
  readonly random: Random
  readonly program: (spec: ContainerSpec) => Program
  readonly onEffect: (effect: Effect) => void
}

/** The containers of one daemon: what a call does once it has arrived. */
export class DockerWorld {
  readonly #options: WorldOptions
  readonly #containers = new Map<ContainerId, Container>()
  readonly #namespaces: Namespaces
  readonly images = new Set<string>()
  #starts = 0
  #sequence = 0

  constructor(options: WorldOptions) {
    this.#options = options
    this.#namespaces = makeNamespaces(
      () => this.#containers.values(),
      (reference) => this.#lookup(reference),
    )
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
    const container = newContainer({
      id: this.#newId(),
      spec,
      networkMode: this.#namespaces.resolve(spec.networkMode),
      createdAt: Math.floor(this.#options.clock.now() / 1000) * 1000,
    })
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
      throw refuse('start', id, 409, 'container is marked for removal and cannot be started')
    }
    this.#namespaces.enter(container)
    container.state = 'running'
    container.startedAt = this.#options.clock.now()
    container.startedAtText = this.#nanoText(container.startedAt)
    container.error = ''
    container.exitCode = 0
    this.#record('start', doer, container)
    this.#run(container)
  }

  /** SIGTERM, then SIGKILL after the grace. Resolves when the process has exited. */
  async stop(doer: Doer, id: string, graceS: number): Promise<void> {
    const container = this.#need('stop', id)
    if (!isAlive(container)) throw refuse('stop', id, 304, '')
    this.#record('stop', doer, container)
    const gone = new Promise<void>((resolve) => container.waiters.push(resolve))
    const { stopMs } = this.#options.program(container.spec)
    if (Number.isFinite(stopMs)) this.#plan(container, stopMs, () => this.exit(container.id, 143))
    // SIGKILL ends a paused process as well, so it is no plan of the process's own.
    const kill = this.#options.clock.timer(graceS * 1000, () => this.exit(container.id, 137))
    container.plans.push(kill)
    await gone
  }

  /** A stop, where it runs, and a start. */
  async restart(doer: Doer, id: string, graceS: number): Promise<void> {
    if (isAlive(this.#need('restart', id))) await this.stop(doer, id, graceS)
    this.start(doer, id)
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
    await this.#options.clock.sleep(this.#options.random.int(...REMOVAL_MS))
    // A forced removal may have been faster.
    if (this.#containers.delete(container.id)) this.#record('destroy', doer, container)
  }

  /** The process in it ends. */
  exit(id: string, exitCode: number, doer: Doer = DAEMON): void {
    const container = this.#lookup(id)
    if (container === undefined || !isAlive(container)) return
    for (const plan of container.plans.splice(0)) plan[Symbol.dispose]()
    container.held = []
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
    if (!isPaused) for (const act of container.held.splice(0)) this.#plan(container, 0, act)
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

  #run(container: Container): void {
    const program = this.#options.program(container.spec)
    container.log.push(...(program.output ?? []))
    this.#plan(container, BIND_MS, () => {
      const taken = this.#namespaces.takenPort(container, program.ports)
      if (taken === undefined) {
        container.bound = program.ports
        return
      }
      container.log.push(`port ${taken} is already in use`)
      this.exit(container.id, 1)
    })
    const { exitAfterMs, exitCode = 1 } = program
    if (exitAfterMs === undefined) return
    this.#plan(container, exitAfterMs, () => this.exit(container.id, exitCode))
  }

  /** Something that the process does later; a paused one does it when it is unpaused. */
  #plan(container: Container, ms: number, act: () => void): void {
    const timer = this.#options.clock.timer(ms, () => {
      if (container.state === 'paused') container.held.push(act)
      else act()
    })
    container.plans.push(timer)
  }

  #view(container: Container): WorldContainer {
    return viewOf(container, this.#namespaces.hasNetwork(container))
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
    const nanos = String(this.#starts++ % 1_000_000).padStart(6, '0')
    return new Date(at).toISOString().replace('Z', `${nanos}Z`)
  }
}
