import { isMutation } from '../../src/docker/answer.ts'
import type { ContainerId } from '../../src/docker/port.ts'
import {
  FLEET_LABEL,
  FORWARDED_LABEL,
  INSTANCE_LABEL,
  SLOT_LABEL,
} from '../../src/engine/labels.ts'
import { PHASES, type Phase } from '../../src/lifecycle/phase.ts'
import type { Fleet } from '../../src/spec/fleet.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { FleetStatus } from '../../src/telemetry/status.ts'
import type { ControllerRun } from './controller-process.ts'
import type { EngineWorld } from './engine-world.ts'
import type { Call, Effect, FakeDocker, Fault, WorldContainer } from './fake-docker.ts'
import { ownerOf } from './namespaces.ts'
import type { SimLeases } from './sim-leases.ts'
import type { StoreCall } from './sim-store.ts'
import type { Viewers } from './viewers.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { TunnelChange, VpnWorld } from './vpn-world.ts'
import { isAlive } from './world-container.ts'

/**
 * How long a controller may act on what was true, ms: probes and polls see a change after 5 s, a call that fails or
 * hangs keeps what was planned waiting for its 15 s. What has been otherwise for longer, it must have known.
 */
const KNOWN_MS = 25_000
/** What a look shows at once: nodes are inspected in every pass, and a pass is begun by every event or its loss's resync. */
const SEEN_MS = 5_000
/** So long an unanswered create keeps its slot occupied, ms: a call's timeout and what may still be under way then. */
const UNANSWERED_MS = 30_000
/** Bytes that flowed this recently keep an engine alive whose API fails (DESIGN: 15 s, less a renewal's delay). */
const FLOWING_MS = 8_000

export interface JudgeParts {
  readonly docker: FakeDocker
  readonly clock: VirtualClock
  readonly leases: SimLeases
  readonly vpns: VpnWorld
  readonly engines: EngineWorld
  readonly viewers: Viewers
  readonly runOf: (process: string) => ControllerRun | undefined
}

/** What one node's container and tunnel did over time. */
interface NodeRecord {
  readonly ids: Set<string>
  /** Generations in which the tunnel stood at least once. */
  readonly wereUp: Set<string>
  generation: string | undefined
  changedAt: number
  /** Unix ms at which the tunnel was last seen down; -Infinity if never. */
  lastDownAt: number
  isUp: boolean
}

/** Ours, by the labels that say so. */
export function isOurs({ labels }: Pick<WorldContainer, 'labels'>, fleet: string): boolean {
  return labels[INSTANCE_LABEL] === 'default' && labels[FLEET_LABEL] === fleet
}

const isForwarded = ({ labels }: WorldContainer) => labels[FORWARDED_LABEL] === 'true'
const short = (id: string) => id.slice(0, 12)

/**
 * Judges every call, effect and write as it happens against what truly is, never by the controller's own word. The
 * first sentence of each method says what is promised; what follows allows for what nobody could know yet.
 */
export class Judge {
  readonly violations: string[] = []
  /** Writes to the store that were more than a status shown again. */
  readonly writes: string[] = []
  readonly marks = new Map<ContainerId, Mark>()
  readonly #parts: JudgeParts
  readonly #nodes = new Map<string, NodeRecord>()
  readonly #specs: { readonly at: number; readonly fleet: Fleet }[] = []
  readonly #phases = new Map<ContainerId, Phase>()
  readonly #startIssuedAt = new Map<string, number>()
  /** Creates that may not be answered, by issuer, epoch and name: when they were issued. */
  readonly #unanswered = new Map<string, number>()
  readonly #createdAt = new Map<ContainerId, number>()
  /** By when a drain may be cut short, as its first mark promised; a stop's own mark says `now`. */
  readonly #drainedBy = new Map<ContainerId, number>()
  readonly #createdBy = new Map<ContainerId, string>()
  readonly #lastHungAt = new Map<ContainerId, number>()
  #wayBackAt = -Infinity
  #epoch = 0

  constructor(parts: JudgeParts) {
    this.#parts = parts
  }

  get fleet(): Fleet {
    const last = this.#specs.at(-1)
    if (last === undefined) throw new Error('no spec yet')
    return last.fleet
  }

  onSpec(fleet: Fleet): void {
    this.#specs.push({ at: this.#now(), fleet })
  }

  onTunnel({ at, name, tunnel }: TunnelChange): void {
    const record = this.#record(name)
    if (record.isUp && !tunnel.isUp) record.lastDownAt = at
    if (record.generation !== tunnel.generation) record.changedAt = at
    record.isUp = tunnel.isUp
    record.generation = tunnel.generation
    if (tunnel.isUp && tunnel.generation !== undefined) record.wereUp.add(tunnel.generation)
  }

  /** An engine answers again. */
  onWake(id: ContainerId): void {
    this.#lastHungAt.set(id, this.#now())
  }

  /** The way to the engines is back. */
  onWayBack(): void {
    this.#wayBackAt = this.#now()
  }

  /** What a call that changes the world meets on its way; asked after {@link onCall}. */
  onFault(call: Call, fault: Fault | undefined): void {
    const isAnswered =
      fault === undefined || fault.kind === 'refuse' || fault.kind === 'unreachable'
    if (call.verb === 'create' && !isAnswered)
      this.#unanswered.set(`${call.by} ${call.epoch} ${call.target}`, call.at)
  }

  onCall(call: Call): void {
    if (!isMutation(call.verb)) return
    const run = this.#parts.runOf(call.by)
    if (run === undefined) return
    // I7: no call that changes the world is issued without a lease held in that very tick.
    if (!this.#parts.leases.isHeldBy(call.by))
      this.#violate('I7', `${call.by} issued ${call.verb} ${short(call.target)} without the lease`)
    if (call.verb === 'create') this.#judgeCreateCall(call, run)
    if (call.verb === 'start') this.#startIssuedAt.set(`${call.by} ${call.target}`, call.at)
    if (call.verb === 'stop' || call.verb === 'remove') this.#judgeEndCall(call)
  }

  onEffect(effect: Effect): void {
    const { container, verb } = effect
    if (verb === 'create') {
      this.#unanswered.delete(`${effect.name} ${effect.epoch} ${container.name}`)
      this.#createdAt.set(container.id, effect.at)
      this.#createdBy.set(container.id, effect.name)
      if (this.fleet.vpn.nodes.some(({ name }) => name === container.name))
        this.#record(container.name).ids.add(container.id)
    }
    if (this.#parts.runOf(effect.name) === undefined) return
    // I8: what is not ours is never touched.
    if (!isOurs(container, this.fleet.name))
      this.#violate('I8', `${effect.name} did ${verb} to ${container.name}, which is not ours`)
    if (verb === 'create') this.#judgeCreate(effect)
    if (verb === 'start') this.#judgeStart(effect)
  }

  onStoreWrite({ method, args, by, isWrite }: StoreCall, result: unknown): void {
    if (isWrite && method !== 'publish') this.writes.push(method)
    if (method === 'openTerm') this.#judgeEpoch(result as number, by, true)
    if (method === 'publish') this.#judgeStatus(args[2] as FleetStatus, by)
    if (method === 'mark') this.#judgeMark(result as Mark, by)
    if (method === 'forget') {
      const id = args[2] as ContainerId
      // I7: no leader lifts a mark; only a list that shows the container gone forgets it.
      if (this.#find(id) !== undefined)
        this.#violate('I7', `${by} forgot ${short(id)}, which exists`)
      this.marks.delete(id)
    }
  }

  #record(node: string): NodeRecord {
    const known = this.#nodes.get(node)
    if (known !== undefined) return known
    const fresh: NodeRecord = {
      ids: new Set(),
      wereUp: new Set(),
      generation: undefined,
      changedAt: this.#now(),
      lastDownAt: -Infinity,
      isUp: false,
    }
    this.#nodes.set(node, fresh)
    return fresh
  }

  #now(): number {
    return this.#parts.clock.now()
  }

  #find(id: string): WorldContainer | undefined {
    return this.#parts.docker.world().find((container) => container.id === id)
  }

  #ours(): readonly WorldContainer[] {
    return this.#parts.docker.world().filter((container) => isOurs(container, this.fleet.name))
  }

  #violate(invariant: string, what: string): void {
    this.violations.push(`${invariant}: ${what}`)
  }

  /**
   * I2: no create is issued while those that are not dead already make desired + maxSurge; none for a name that
   * a container holds of which the issuer knows; and none again while the first may still be under way. It knows what stood before its latest list was asked for, and what
   * it created itself. Those that may be dead, and specs that may not have arrived, are allowed for.
   */
  #judgeCreateCall(call: Call, run: ControllerRun): void {
    const listedAt = run.listedAt()
    const known = this.#ours().filter((each) => {
      const createdAt = this.#createdAt.get(each.id) ?? 0
      return createdAt < listedAt || this.#createdBy.get(each.id) === call.by
    })
    const live = known.filter((each) => this.#isSurelyLive(each))
    const limits = this.#specsWithin(SEEN_MS).map((f) => f.replicas + f.update.maxSurge)
    if (live.length >= Math.max(...limits)) {
      const names = live.map((each) => each.name).join(', ')
      this.#violate('I2', `${call.by} creates ${call.target} beside ${live.length}: ${names}`)
    }
    const holder = this.#parts.docker.world().find((each) => each.name === call.target)
    const since = this.#unanswered.get(`${call.by} ${call.epoch} ${call.target}`) ?? -Infinity
    if (call.at - since < UNANSWERED_MS)
      this.#violate('I2', `${call.by} creates ${call.target} again, although that may be under way`)
    if (holder === undefined) return
    const isOwn = this.#createdBy.get(holder.id) === call.by
    const isSeen = (this.#createdAt.get(holder.id) ?? 0) + SEEN_MS < listedAt
    if (isOwn || isSeen)
      this.#violate('I2', `${call.by} creates ${call.target}, whose name it knows to be held`)
  }

  #specsWithin(ms: number): readonly Fleet[] {
    const since = this.#now() - ms
    return this.#specs
      .filter((_, i) => (this.#specs[i + 1]?.at ?? Infinity) >= since)
      .map((s) => s.fleet)
  }

  /** Nothing that DESIGN calls dead can be said of it, nor could be for as long as anybody may act on old news. */
  #isSurelyLive(container: WorldContainer): boolean {
    if (this.marks.get(container.id)?.kind === 'failed' || container.error !== '') return false
    if (container.state === 'created') return this.#hasLivingNode(container)
    return isAlive(container) && this.#wasWell(container)
  }

  #nodeOf(container: WorldContainer): NodeRecord | undefined {
    const owner = ownerOf(container.networkMode)
    return [...this.#nodes.values()].find((node) => owner !== undefined && node.ids.has(owner))
  }

  #hasLivingNode(container: WorldContainer): boolean {
    if (this.fleet.vpn.mode === 'none') return true
    const node = this.#nodeOf(container)
    return node?.isUp === true && this.#now() - Math.max(node.lastDownAt, node.changedAt) > KNOWN_MS
  }

  /** It has run, answered and been reachable through a tunnel without a break, for as long as anybody may act on old news. */
  #wasWell(container: WorldContainer): boolean {
    const { engines } = this.#parts
    const run = engines.run(container.id)
    const since = this.#now() - KNOWN_MS
    if (run === undefined || !engines.answers(container) || run.readyAt > since) return false
    if (engines.wayGoneSince !== undefined || this.#wayBackAt > since) return false
    if ((this.#lastHungAt.get(container.id) ?? -Infinity) > since) return false
    return this.#hasLivingNode(container)
  }

  /** I7: every stop and remove follows a mark on that id. I5: streams are let finish. */
  #judgeEndCall(call: Call): void {
    const id = call.target as ContainerId
    const mark = this.marks.get(id)
    const container = this.#find(id)
    if (container === undefined) return
    if (mark === undefined) {
      this.#violate(
        'I7',
        `${call.by} issued ${call.verb} of ${container.name}, which is not marked`,
      )
      return
    }
    if (mark.stopAt === undefined)
      this.#violate(
        'I7',
        `${call.by} issued ${call.verb} of ${container.name} without a stop decided`,
      )
    if (call.verb !== 'stop' || !isAlive(container) || mark.kind === 'failed') return
    const sessions = this.#parts.viewers.on(id)
    if (sessions.length > 0 && this.#now() < (this.#drainedBy.get(id) ?? Infinity))
      this.#violate(
        'I5',
        `${call.by} stops ${container.name}, which has ${sessions.length} streams`,
      )
  }

  /**
   * I9, I5: only an engine that is dead is marked failed, whatever was not seen. What was well for as long as anybody
   * may act on old news is not dead; neither is one whose tunnel stands and whose bytes flow.
   */
  #judgeMark(mark: Mark, by: string): void {
    const before = this.marks.get(mark.containerId)
    this.marks.set(mark.containerId, mark)
    if (before?.kind === 'failed' && mark.kind !== 'failed')
      this.#violate('I7', `${by} softened the mark on ${short(mark.containerId)}`)
    if (before !== undefined && mark.deadlineAt > before.deadlineAt)
      this.#violate('I7', `${by} put off the deadline of ${short(mark.containerId)}`)
    const container = this.#find(mark.containerId)
    if (container === undefined || !isAlive(container) || !isOurs(container, this.fleet.name))
      return
    if (mark.kind === 'draining' && mark.stopAt === undefined) {
      if (before === undefined) this.#judgeDeadline(mark, container)
      this.#drainedBy.set(mark.containerId, mark.deadlineAt)
    }
    if (mark.kind !== 'failed' || before?.kind === 'failed' || this.#isOutside(container)) return
    if (this.#wasWell(container))
      this.#violate('I9', `${by} gave up ${container.name} (${mark.reason}), which was well`)
    const flows = this.#parts.viewers
      .on(mark.containerId)
      .some((session) => this.#now() - session.lastBytesAt < FLOWING_MS)
    if (flows && container.isReachable && this.#hasLivingNode(container))
      this.#violate('I5', `${by} gave up ${container.name} (${mark.reason}) while bytes flow`)
  }

  /** I5: a drain has its whole timeout, by a spec that ruled when it began. */
  #judgeDeadline(mark: Mark, container: WorldContainer): void {
    const least = Math.min(...this.#specsWithin(KNOWN_MS).map((f) => f.update.drainTimeoutMs))
    const sessions = this.#parts.viewers.on(mark.containerId)
    if (mark.deadlineAt < this.#now() + least - KNOWN_MS && sessions.length > 0)
      this.#violate('I5', `${container.name} was given less than its drain timeout`)
  }

  #isOutside(container: WorldContainer): boolean {
    return this.fleet.vpn.mode !== 'none' && this.#nodeOf(container) === undefined
  }

  /** I1, I2, I10, I11 at the instant at which a container comes to be. */
  #judgeCreate({ name: by, container }: Effect): void {
    const { name: fleet, vpn } = this.fleet
    const slot = container.labels[SLOT_LABEL] ?? ''
    // I2: the name is the slot's, so that Docker's own reservation is the fence.
    if (container.name !== `${fleet}.${slot}`)
      this.#violate('I2', `${by} created ${container.name} for slot ${slot}`)
    const rivals = this.#ours().filter(
      (each) => each.id !== container.id && (isAlive(each) || each.state === 'created'),
    )
    const twin = rivals.find(
      (each) => each.labels[SLOT_LABEL] === slot && this.#isControllers(each),
    )
    if (twin !== undefined)
      this.#violate('I2', `${by} created ${container.name} beside ${twin.name} in slot ${slot}`)
    if (isForwarded(container)) this.#judgeForwarded(by, container, rivals)
    // I10: never outside the namespace of a VPN node that the spec names.
    if (vpn.mode !== 'none' && this.#nodeOf(container) === undefined)
      this.#violate('I10', `${by} created ${container.name} on ${container.networkMode}`)
  }

  /** Whether a controller created it, and its name still is what it was. */
  #isControllers(container: WorldContainer): boolean {
    const by = this.#createdBy.get(container.id)
    return (
      by !== undefined &&
      this.#parts.runOf(by) !== undefined &&
      container.name === container.spec.name
    )
  }

  /**
   * I1: at most one forwarded engine per scope that is not exited. What a controller created counts at once; what
   * somebody else put there or renamed counts once the creator must have known of it. A create that was under way while
   * the scope was edited is judged by its own name.
   */
  #judgeForwarded(by: string, container: WorldContainer, rivals: readonly WorldContainer[]): void {
    const isFleetWide = container.name === `${this.fleet.name}.forwarded`
    const others = rivals.filter(
      (each) => isForwarded(each) && (isFleetWide || each.networkMode === container.networkMode),
    )
    const scopes = new Set(this.#specsWithin(60_000).map((f) => f.forwarding.scope))
    for (const other of others) {
      const createdAt = this.#createdAt.get(other.id) ?? 0
      const listedAt = this.#parts.runOf(by)?.listedAt() ?? 0
      const isKnown = createdAt + KNOWN_MS < listedAt && createdAt + KNOWN_MS < this.#now()
      const isSameScope = scopes.size === 1
      if ((this.#isControllers(other) && isSameScope) || isKnown)
        this.#violate('I1', `${by} created ${container.name} beside ${other.name}`)
    }
  }

  /**
   * I10: an engine starts only after its node was ready in that generation. A generation that began less than a look
   * before the call was issued could not be known. I11: ports are unique in its namespace.
   */
  #judgeStart({ name: by, container, at }: Effect): void {
    if (this.fleet.vpn.mode !== 'none') {
      const node = this.#nodeOf(container)
      const issuedAt = this.#startIssuedAt.get(`${by} ${container.id}`) ?? at
      const isKnown = node !== undefined && node.changedAt + SEEN_MS < issuedAt
      const wasUp = node?.generation !== undefined && node.wereUp.has(node.generation)
      if (isKnown && !wasUp)
        this.#violate('I10', `${by} started ${container.name} before its node was ready`)
    }
    const portsOf = ({ labels }: WorldContainer) =>
      ['acestream.http_port', 'acestream.https_port', 'acefleet.p2p-port'].map((l) => labels[l])
    const ports = portsOf(container)
    for (const other of this.#ours()) {
      if (other.id === container.id || other.netns !== container.netns) continue
      if (!isAlive(other) || !this.#isControllers(other)) continue
      const shared = portsOf(other).find((port) => ports.includes(port))
      if (shared !== undefined)
        this.#violate('I11', `${container.name} and ${other.name} share port ${shared}`)
    }
  }

  /** I6: epochs only grow. */
  #judgeEpoch(epoch: number, by: string, isNew: boolean): void {
    if (isNew ? epoch <= this.#epoch : epoch < this.#epoch)
      this.#violate('I6', `${by} writes under epoch ${epoch}, ${this.#epoch} was opened before`)
    this.#epoch = Math.max(this.#epoch, epoch)
  }

  /** I6: the phases of a container, as published, only move forwards. */
  #judgeStatus(status: FleetStatus, by: string): void {
    this.#judgeEpoch(status.epoch, by, false)
    for (const { containerId, phase, name } of status.engines) {
      if (containerId === undefined) continue
      const before = this.#phases.get(containerId)
      if (before !== undefined && PHASES.indexOf(phase) < PHASES.indexOf(before))
        this.#violate('I6', `${name} (${short(containerId)}) went from ${before} back to ${phase}`)
      this.#phases.set(containerId, phase)
    }
  }
}
