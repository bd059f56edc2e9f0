import type { ContainerId } from '../../src/docker/port.ts'
import { FLEET_LABEL, INSTANCE_LABEL } from '../../src/engine/labels.ts'
import type { Fleet } from '../../src/spec/fleet.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { ControllerRun } from './controller-process.ts'
import type { EngineWorld } from './engine-world.ts'
import type { Effect, FakeDocker, WorldContainer } from './fake-docker.ts'
import { ownerOf } from './namespaces.ts'
import type { Viewers } from './viewers.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { carries, type TunnelChange } from './vpn-world.ts'
import { isAlive } from './world-container.ts'

/**
 * How long a controller may act on what was true, ms: probes and polls see a change after 5 s, a call that fails or
 * hangs keeps what was planned waiting for its 15 s. What has been otherwise for longer, it must have known.
 */
export const KNOWN_MS = 25_000
/** What a look shows at once: nodes are inspected in every pass, and every event begins one. */
export const SEEN_MS = 5_000

export interface TruthParts {
  readonly docker: FakeDocker
  readonly clock: VirtualClock
  readonly engines: EngineWorld
  readonly viewers: Viewers
  readonly runOf: (process: string) => ControllerRun | undefined
}

/** What one node's container and tunnel did over time. */
interface NodeRecord {
  /** Of all containers that bore its name. */
  readonly ids: Set<string>
  /** Generations in which the tunnel stood at least once. */
  readonly wereUp: Set<string>
  generation: string | undefined
  changedAt: number
  /** Unix ms at which packets last began to pass. */
  upSince: number
  /** Unix ms at which they last ceased to; -Infinity if they never did. */
  downSince: number
  /** Packets pass. */
  isUp: boolean
}

/** Ours, by the labels that say so. */
export function isOurs({ labels }: Pick<WorldContainer, 'labels'>, fleet: string): boolean {
  return labels[INSTANCE_LABEL] === 'default' && labels[FLEET_LABEL] === fleet
}

/** As the docker client shows an id. */
export function short(id: string): string {
  return id.slice(0, 12)
}

/** What truly is and was, and when: what a judge may ask. Nothing here comes from a controller's own word. */
export class Truth {
  readonly #parts: TruthParts
  readonly #nodes = new Map<string, NodeRecord>()
  readonly #specs: { readonly at: number; readonly fleet: Fleet }[] = []
  readonly #born = new Map<ContainerId, { readonly at: number; readonly by: string }>()
  readonly #lastHungAt = new Map<ContainerId, number>()
  #wayBackAt = -Infinity
  /** Unix ms at which the clock was set that the store goes by. */
  readonly #clockSetAt: number[] = []
  /** What stands in the store. Owned by the judge of ends. */
  readonly marks = new Map<ContainerId, Mark>()
  /** The last that was ever written on each, be it that the store has forgotten. Owned by the judge of ends. */
  readonly written = new Map<ContainerId, Mark>()

  constructor(parts: TruthParts) {
    this.#parts = parts
  }

  get now(): number {
    return this.#parts.clock.now()
  }

  get fleet(): Fleet {
    const last = this.#specs.at(-1)
    if (last === undefined) throw new Error('no spec yet')
    return last.fleet
  }

  get viewers(): Viewers {
    return this.#parts.viewers
  }

  onSpec(fleet: Fleet): void {
    this.#specs.push({ at: this.now, fleet })
  }

  onTunnel({ at, name, tunnel }: TunnelChange): void {
    const record = this.#record(name)
    const isUp = carries(tunnel)
    if (!record.isUp && isUp) record.upSince = at
    if (record.isUp && !isUp) record.downSince = at
    if (record.generation !== tunnel.generation) record.changedAt = at
    record.isUp = isUp
    record.generation = tunnel.generation
    if (tunnel.isUp && tunnel.generation !== undefined) record.wereUp.add(tunnel.generation)
  }

  onBirth({ at, name, container }: Effect): void {
    this.#born.set(container.id, { at, by: name })
    if (this.fleet.vpn.nodes.some((node) => node.name === container.name))
      this.#record(container.name).ids.add(container.id)
  }

  /** An engine that hung answers again. */
  onWake(id: ContainerId): void {
    this.#lastHungAt.set(id, this.now)
  }

  onClockSet(): void {
    this.#clockSetAt.push(this.now)
  }

  /** Whether a process first looked into the store when its clock had been set since, and so could not know how long ago that was. */
  isMisled(by: string, since: number): boolean {
    const knowsSince = this.runOf(by)?.knowsSince() ?? Infinity
    return this.#clockSetAt.some((at) => at >= since && at <= knowsSince)
  }

  /** The way to all engines is back. */
  onWayBack(): void {
    this.#wayBackAt = this.now
  }

  runOf(process: string): ControllerRun | undefined {
    return this.#parts.runOf(process)
  }

  world(): readonly WorldContainer[] {
    return this.#parts.docker.world()
  }

  find(id: string): WorldContainer | undefined {
    return this.world().find((container) => container.id === id)
  }

  ours(): readonly WorldContainer[] {
    return this.world().filter((container) => isOurs(container, this.fleet.name))
  }

  bornAt({ id }: WorldContainer): number {
    return this.#born.get(id)?.at ?? 0
  }

  /** Who created it: a controller's process, or the world. */
  creator({ id }: WorldContainer): string | undefined {
    return this.#born.get(id)?.by
  }

  /** Whether a controller created it, and its name still is what it was. */
  isControllers(container: WorldContainer): boolean {
    const by = this.creator(container)
    return (
      by !== undefined && this.runOf(by) !== undefined && container.name === container.spec.name
    )
  }

  /** Specs that ruled at some time within the last `ms`. */
  specsWithin(ms: number): readonly Fleet[] {
    const since = this.now - ms
    return this.#specs
      .filter((_, i) => (this.#specs[i + 1]?.at ?? Infinity) >= since)
      .map((spec) => spec.fleet)
  }

  /** The node whose present or former container it joined. */
  nodeOf(container: WorldContainer): Readonly<NodeRecord> | undefined {
    const owner = ownerOf(container.networkMode)
    return [...this.#nodes.values()].find((node) => owner !== undefined && node.ids.has(owner))
  }

  /** Whether it must be stopped at once, by I10. */
  isOutside(container: WorldContainer): boolean {
    return this.fleet.vpn.mode !== 'none' && this.nodeOf(container) === undefined
  }

  /** Whether the tunnel that it joined has stood for as long as anybody may act on old news. */
  hasLivingNode(container: WorldContainer): boolean {
    if (this.fleet.vpn.mode === 'none') return true
    const node = this.nodeOf(container)
    const owner = ownerOf(container.networkMode) ?? ''
    return (
      node?.isUp === true &&
      node.generation?.startsWith(short(owner)) === true &&
      this.now - Math.max(node.upSince, node.changedAt) > KNOWN_MS
    )
  }

  /** Whether packets passed through a node's tunnel at some time within the last `ms`. */
  carriedWithin(ms: number, node: string): boolean {
    const { isUp, downSince } = this.#record(node)
    return isUp || this.now - downSince <= ms
  }

  /** For how long packets have passed through a node's tunnel, ms; 0 while they do not. */
  carriedFor(node: string): number {
    const { isUp, upSince } = this.#record(node)
    return isUp ? this.now - upSince : 0
  }

  /** Whether it ran, answered and was reachable through a tunnel for as long as anybody may act on old news. */
  wasWell(container: WorldContainer): boolean {
    const { engines } = this.#parts
    const run = engines.run(container.id)
    const since = this.now - KNOWN_MS
    if (run === undefined || !engines.answers(container) || run.readyAt > since) return false
    // Alone on its node it speaks for the tunnel.
    if (run.isCutOff) return false
    if (engines.wayGoneSince !== undefined || this.#wayBackAt > since) return false
    if ((this.#lastHungAt.get(container.id) ?? -Infinity) > since) return false
    return this.hasLivingNode(container)
  }

  /** Whether nothing that DESIGN calls dead can be said of it. */
  isSurelyLive(container: WorldContainer): boolean {
    if (this.written.get(container.id)?.kind === 'failed' || container.error !== '') return false
    if (container.state === 'created') return this.hasLivingNode(container)
    return isAlive(container) && this.wasWell(container)
  }

  #record(node: string): NodeRecord {
    const known = this.#nodes.get(node)
    if (known !== undefined) return known
    const fresh: NodeRecord = {
      ids: new Set(),
      wereUp: new Set(),
      generation: undefined,
      changedAt: this.now,
      upSince: this.now,
      downSince: -Infinity,
      isUp: false,
    }
    this.#nodes.set(node, fresh)
    return fresh
  }
}
