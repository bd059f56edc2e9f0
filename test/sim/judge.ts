import { isMutation } from '../../src/docker/answer.ts'
import type { ContainerId } from '../../src/docker/port.ts'
import { PHASES, type Phase } from '../../src/lifecycle/phase.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { FleetStatus } from '../../src/telemetry/status.ts'
import type { Call, Effect, Fault } from './fake-docker.ts'
import { type CreationsJudge, judgeCreations, type Violate } from './judge-creations.ts'
import { type CuresJudge, judgeCures } from './judge-cures.ts'
import { type EndsJudge, judgeEnds } from './judge-ends.ts'
import type { LeaseWorld } from './lease-world.ts'
import type { StoreCall } from './sim-store.ts'
import { isOurs, short, type Truth } from './truth.ts'
import type { Told } from './vpn-world.ts'

/** The store's methods whose second argument carries an epoch. */
const WITH_EPOCH: ReadonlySet<string> = new Set([
  'mark',
  'noteReady',
  'forget',
  'setBackoff',
  'setRollout',
  'setNodeNote',
  'endRequest',
  'publish',
  'dropFleet',
])

/**
 * Judges every call, effect and write as it happens, against what truly is and never by the controller's own word. The
 * first sentence of each rule says what is promised; what follows allows for what nobody could know yet.
 */
export class Judge {
  readonly violations: string[] = []
  /** Writes to the store that were more than a status shown again. */
  readonly writes: string[] = []
  readonly #truth: Truth
  readonly #leases: LeaseWorld
  readonly #creations: CreationsJudge
  readonly #ends: EndsJudge
  readonly #cures: CuresJudge
  readonly #phases = new Map<ContainerId, Phase>()
  /** Unix ms at which the store last forgot. */
  #forgotAt = -Infinity
  /** The largest epoch that was opened or written under since the store last forgot. */
  #epoch = 0
  /** The latest term that acted. */
  #acting: { readonly epoch: number; readonly by: string } | undefined
  /** Who opened the latest term. */
  leader: string | undefined

  constructor(truth: Truth, leases: LeaseWorld) {
    this.#truth = truth
    this.#leases = leases
    this.#creations = judgeCreations(truth, this.#violate)
    this.#ends = judgeEnds(truth, this.#violate)
    this.#cures = judgeCures(truth, this.#violate)
  }

  onCall(call: Call): void {
    const run = this.#truth.runOf(call.by)
    if (!isMutation(call.verb) || run === undefined) return
    // I7: no call that changes the world is issued without a lease held in that very tick.
    if (!this.#leases.isPromised(call.by))
      this.#violate('I7', `${call.by} issued ${call.verb} ${short(call.target)} without the lease`)
    this.#judgeTerm(call)
    if (call.verb === 'create') this.#creations.onCreateCall(call, run)
    if (call.verb === 'start') this.#creations.onStartCall(call)
    if (call.verb === 'restart') this.#cures.onRestartCall(call)
    if (call.verb === 'stop') this.#ends.onStopCall(call)
    if (call.verb === 'remove') this.#ends.onRemoveCall(call)
  }

  /** What a call meets on its way; asked after {@link onCall}. */
  onFault(call: Call, fault: Fault | undefined): void {
    if (call.verb === 'create') this.#creations.onFault(call, fault)
  }

  /** A word to a control server has its effect. */
  onTold(told: Told): void {
    this.#cures.onTold(told)
  }

  onEffect(effect: Effect): void {
    const { container, verb, name } = effect
    this.#cures.onEffect(effect)
    if (verb === 'create') {
      this.#truth.onBirth(effect)
      this.#creations.onBirth(effect)
    }
    // A dead one that is started again, by a call that lands late or by hand, begins anew.
    if (verb === 'start') this.#phases.delete(container.id)
    if (this.#truth.runOf(name) === undefined) return
    // I8: what is not ours is never touched, but for a node's container whose restart was asked for.
    if (this.#cures.isRestart(effect)) return
    if (!isOurs(container, this.#truth.fleet.name))
      this.#violate('I8', `${name} did ${verb} to ${container.name}, which is not ours`)
    if (verb === 'create') this.#creations.onCreate(effect)
    if (verb === 'start') this.#creations.onStart(effect)
  }

  onStoreWrite({ method, args, by, isWrite, askedAt }: StoreCall, result: unknown): void {
    if (isWrite && method !== 'publish') this.writes.push(method)
    if (method === 'openTerm') {
      this.#judgeEpoch(result as number, by, true)
      this.leader = by
    }
    const epoch = method === 'mark' ? (args[1] as Mark).epoch : args[1]
    if (WITH_EPOCH.has(method)) this.#judgeEpoch(epoch as number, by, false)
    if (method === 'publish') this.#judgeStatus(args[2] as FleetStatus, by)
    if (method === 'mark') this.#ends.onMark(result as Mark, by, askedAt)
    if (method === 'forget') this.#ends.onForget(args[2] as ContainerId, by)
  }

  /** I5: a running session keeps its place, unless its engine is given up or its drain is over. */
  onTurnedAway(engine: ContainerId, what: string): void {
    const mark = this.#truth.marks.get(engine)
    if (mark?.kind !== 'failed' && mark?.stopAt === undefined) this.#violate('I5', what)
  }

  /** The store began another incarnation: what it forgot of an engine, its phase forgets. */
  onOblivion(remaining: ReadonlyMap<ContainerId, Mark>): void {
    this.#epoch = 0
    this.#forgotAt = this.#truth.now
    this.#cures.onOblivion()
    this.#phases.clear()
    this.#ends.onOblivion(remaining)
  }

  readonly #violate: Violate = (invariant, what) => {
    this.violations.push(`${invariant}: ${what}`)
  }

  /**
   * I6: terms act in the order of their epochs, and no two under one. Whose lease the servers have forgotten may act
   * beside its successor until its own deadline: then marks and names are what counts.
   */
  #judgeTerm({ by, epoch = 0, verb }: Call): void {
    const before = this.#acting
    if (before !== undefined && before.by !== by) {
      const isLate = epoch < before.epoch && this.#leases.holder() === by
      if (isLate || epoch === before.epoch)
        this.#violate(
          'I6',
          `${by} did ${verb} under epoch ${epoch}, ${before.by} under ${before.epoch}`,
        )
    }
    if (epoch >= (before?.epoch ?? 0)) this.#acting = { epoch, by }
  }

  /** I6: the store takes writes only under epochs that grow. */
  #judgeEpoch(epoch: number, by: string, isNew: boolean): void {
    if (isNew ? epoch <= this.#epoch : epoch < this.#epoch)
      this.#violate('I6', `${by} writes under epoch ${epoch}, ${this.#epoch} was opened before`)
    this.#epoch = Math.max(this.#epoch, epoch)
  }

  /**
   * I6: the phases of a container, as published, only move forwards. What was seen before the store forgot may be shown
   * once more, after a pass that failed.
   */
  #judgeStatus({ engines, observedAt }: FleetStatus, by: string): void {
    const aheadMs = this.#truth.runOf(by)?.process.wallAheadMs ?? 0
    if (observedAt - aheadMs <= this.#forgotAt) return
    for (const { containerId, phase, name } of engines) {
      if (containerId === undefined) continue
      const before = this.#phases.get(containerId)
      if (before !== undefined && PHASES.indexOf(phase) < PHASES.indexOf(before))
        this.#violate('I6', `${name} (${short(containerId)}) went from ${before} to ${phase}`)
      this.#phases.set(containerId, phase)
    }
  }
}
