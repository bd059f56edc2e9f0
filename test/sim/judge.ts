import { isMutation } from '../../src/docker/answer.ts'
import type { ContainerId } from '../../src/docker/port.ts'
import { PHASES, type Phase } from '../../src/lifecycle/phase.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { FleetStatus } from '../../src/telemetry/status.ts'
import type { Call, Effect, Fault } from './fake-docker.ts'
import { type CreationsJudge, judgeCreations, type Violate } from './judge-creations.ts'
import { type EndsJudge, judgeEnds } from './judge-ends.ts'
import type { SimLeases } from './sim-leases.ts'
import type { StoreCall } from './sim-store.ts'
import { isOurs, short, type Truth } from './truth.ts'

/**
 * Judges every call, effect and write as it happens, against what truly is and never by the controller's own word. The
 * first sentence of each rule says what is promised; what follows allows for what nobody could know yet.
 */
export class Judge {
  readonly violations: string[] = []
  /** Writes to the store that were more than a status shown again. */
  readonly writes: string[] = []
  readonly #truth: Truth
  readonly #leases: SimLeases
  readonly #creations: CreationsJudge
  readonly #ends: EndsJudge
  readonly #phases = new Map<ContainerId, Phase>()
  #epoch = 0
  /** Who opened the latest term. */
  leader: string | undefined

  constructor(truth: Truth, leases: SimLeases) {
    this.#truth = truth
    this.#leases = leases
    this.#creations = judgeCreations(truth, this.#violate)
    this.#ends = judgeEnds(truth, this.#violate)
  }

  onCall(call: Call): void {
    const run = this.#truth.runOf(call.by)
    if (!isMutation(call.verb) || run === undefined) return
    // I7: no call that changes the world is issued without a lease held in that very tick.
    if (!this.#leases.isHeldBy(call.by))
      this.#violate('I7', `${call.by} issued ${call.verb} ${short(call.target)} without the lease`)
    if (call.verb === 'create') this.#creations.onCreateCall(call, run)
    if (call.verb === 'start') this.#creations.onStartCall(call)
    if (call.verb === 'stop') this.#ends.onStopCall(call)
    if (call.verb === 'remove') this.#ends.onRemoveCall(call)
  }

  /** What a call meets on its way; asked after {@link onCall}. */
  onFault(call: Call, fault: Fault | undefined): void {
    if (call.verb === 'create') this.#creations.onFault(call, fault)
  }

  onEffect(effect: Effect): void {
    const { container, verb, name } = effect
    if (verb === 'create') {
      this.#truth.onBirth(effect)
      this.#creations.onBirth(effect)
    }
    // A dead one that is started again, by a call that lands late or by hand, begins anew.
    if (verb === 'start') this.#phases.delete(container.id)
    if (this.#truth.runOf(name) === undefined) return
    // I8: what is not ours is never touched.
    if (!isOurs(container, this.#truth.fleet.name))
      this.#violate('I8', `${name} did ${verb} to ${container.name}, which is not ours`)
    if (verb === 'create') this.#creations.onCreate(effect)
    if (verb === 'start') this.#creations.onStart(effect)
  }

  onStoreWrite({ method, args, by, isWrite }: StoreCall, result: unknown): void {
    if (isWrite && method !== 'publish') this.writes.push(method)
    if (method === 'openTerm') {
      this.#judgeEpoch(result as number, by, true)
      this.leader = by
    }
    if (method === 'publish') this.#judgeStatus(args[2] as FleetStatus, by)
    if (method === 'mark') this.#ends.onMark(result as Mark, by)
    if (method === 'forget') this.#ends.onForget(args[2] as ContainerId, by)
  }

  readonly #violate: Violate = (invariant, what) => {
    this.violations.push(`${invariant}: ${what}`)
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
        this.#violate('I6', `${name} (${short(containerId)}) went from ${before} to ${phase}`)
      this.#phases.set(containerId, phase)
    }
  }
}
