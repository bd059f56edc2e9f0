import { FORWARDED_LABEL, SLOT_LABEL } from '../../src/engine/labels.ts'
import type { ControllerRun } from './controller-process.ts'
import type { Call, Effect, Fault, WorldContainer } from './fake-docker.ts'
import { KNOWN_MS, SEEN_MS, type Truth } from './truth.ts'
import { isAlive } from './world-container.ts'

/** A caller's own limit per call, less what a call takes anyway, ms. */
const TIMEOUT_MS = 14_500
/** So long an unanswered create keeps its slot occupied, ms: a call's timeout and what may still be under way then. */
const UNANSWERED_MS = 30_000
/** So long after an edit of the scope a create of the former one may still land, ms: a timeout, patience and a look. */
const SCOPE_MS = 60_000

export type Violate = (invariant: string, what: string) => void

/** Judges how containers come to be, and to run. */
export interface CreationsJudge {
  onCreateCall(call: Call, run: ControllerRun): void
  onStartCall(call: Call): void
  /** What a create meets on its way; asked after onCreateCall. */
  onFault(call: Call, fault: Fault | undefined): void
  /** A container of anybody's has come to be. */
  onBirth(effect: Effect): void
  /** One of a controller's. */
  onCreate(effect: Effect): void
  onStart(effect: Effect): void
}

const PORT_LABELS = ['acestream.http_port', 'acestream.https_port', 'acefleet.p2p-port'] as const

const isForwarded = ({ labels }: WorldContainer) => labels[FORWARDED_LABEL] === 'true'
const portsOf = ({ labels }: WorldContainer) => PORT_LABELS.map((label) => labels[label])

/** Whether the caller hears of it in time, be it a refusal. */
function isAnswered(fault: Fault | undefined): boolean {
  if (fault?.kind === 'slow') return (fault.requestMs ?? 0) + (fault.replyMs ?? 0) < TIMEOUT_MS
  return fault === undefined || fault.kind === 'refuse' || fault.kind === 'unreachable'
}

export function judgeCreations(truth: Truth, violate: Violate): CreationsJudge {
  /** By issuer and id. */
  const startIssuedAt = new Map<string, number>()
  /** Creates that may not be answered, by name, while nobody has the name. */
  const unanswered = new Map<string, Call>()

  /**
   * I2: no create is issued while those that are not dead already make desired + maxSurge. Known are those that stood
   * before the issuer's latest list was asked for, and its own; specs that may not have arrived are allowed for.
   */
  function judgeCount(call: Call, listedAt: number): void {
    const known = truth
      .ours()
      .filter((each) => truth.bornAt(each) < listedAt || truth.creator(each) === call.by)
    const live = known.filter((each) => truth.isSurelyLive(each))
    const limits = truth.specsWithin(SEEN_MS).map((f) => f.replicas + f.update.maxSurge)
    if (live.length < Math.max(...limits)) return
    const names = live.map((each) => each.name).join(', ')
    violate('I2', `${call.by} creates ${call.target} beside ${live.length}: ${names}`)
  }

  /**
   * I2: none is issued for a name that the issuer knows to be held, nor again while the first may be under way. What it
   * created itself it knows at once; what others did it knows once it has looked.
   */
  function judgeName(call: Call, listedAt: number): void {
    const first = unanswered.get(call.target)
    const isSameTerm = first?.by === call.by && first.epoch === call.epoch
    if (first !== undefined && isSameTerm && call.at - first.at < UNANSWERED_MS)
      violate('I2', `${call.by} creates ${call.target} again, although that may be under way`)
    const holder = truth.world().find((each) => each.name === call.target)
    if (holder === undefined) return
    const isSeen = truth.bornAt(holder) + SEEN_MS < listedAt
    if (truth.creator(holder) === call.by || isSeen)
      violate('I2', `${call.by} creates ${call.target}, whose name it knows to be held`)
  }

  /**
   * I1: at most one forwarded engine per scope that is not exited. What a controller created counts at once; what
   * somebody else put there or renamed counts once the creator must have known of it. While the scope is being edited,
   * a create of the former scope may still land.
   */
  function judgeForwarded(by: string, container: WorldContainer, rivals: WorldContainer[]): void {
    const isFleetWide = container.name === `${truth.fleet.name}.forwarded`
    const others = rivals.filter(
      (each) => isForwarded(each) && (isFleetWide || each.networkMode === container.networkMode),
    )
    const scopes = new Set(truth.specsWithin(SCOPE_MS).map((f) => f.forwarding.scope))
    const listedAt = truth.runOf(by)?.listedAt() ?? 0
    for (const other of others) {
      const isKnown = truth.bornAt(other) + KNOWN_MS < Math.min(listedAt, truth.now)
      if ((truth.isControllers(other) && scopes.size === 1) || isKnown)
        violate('I1', `${by} created ${container.name} beside ${other.name}`)
    }
  }

  /** I11: ports are unique in a namespace, as far as controllers chose them. */
  function judgePorts(container: WorldContainer): void {
    const ports = portsOf(container)
    const neighbours = truth
      .ours()
      .filter((each) => each.id !== container.id && each.netns === container.netns)
    for (const other of neighbours) {
      if (!isAlive(other) || !truth.isControllers(other)) continue
      const shared = portsOf(other).find((port) => ports.includes(port))
      if (shared !== undefined)
        violate('I11', `${container.name} and ${other.name} share port ${shared}`)
    }
  }

  return {
    onCreateCall(call, run) {
      judgeCount(call, run.listedAt())
      judgeName(call, run.listedAt())
    },
    onStartCall: (call) => void startIssuedAt.set(`${call.by} ${call.target}`, call.at),
    onFault(call, fault) {
      if (!isAnswered(fault)) unanswered.set(call.target, call)
    },
    onBirth: ({ container }) => void unanswered.delete(container.name),
    onCreate({ name: by, container }) {
      const slot = container.labels[SLOT_LABEL] ?? ''
      // I2: the name is the slot's, so that Docker's own reservation is the fence.
      if (container.name !== `${truth.fleet.name}.${slot}`)
        violate('I2', `${by} created ${container.name} for slot ${slot}`)
      const rivals = truth
        .ours()
        .filter((each) => each.id !== container.id)
        .filter((each) => isAlive(each) || each.state === 'created')
      const isTwin = (each: WorldContainer) =>
        each.labels[SLOT_LABEL] === slot && truth.isControllers(each)
      const twin = rivals.find(isTwin)
      if (twin !== undefined)
        violate('I2', `${by} created ${container.name} beside ${twin.name} in slot ${slot}`)
      if (isForwarded(container)) judgeForwarded(by, container, rivals)
      // I10: never outside the namespace of a VPN node that the spec names.
      if (truth.isOutside(container))
        violate('I10', `${by} created ${container.name} on ${container.networkMode}`)
    },
    /**
     * I10: an engine starts only after its node was ready in that generation. A generation that began less than a look
     * before the call was issued could not be known.
     */
    onStart({ name: by, container, at }) {
      judgePorts(container)
      const node = truth.nodeOf(container)
      if (truth.fleet.vpn.mode === 'none' || node?.generation === undefined) return
      const issuedAt = startIssuedAt.get(`${by} ${container.id}`) ?? at
      if (node.changedAt + SEEN_MS < issuedAt && !node.wereUp.has(node.generation))
        violate('I10', `${by} started ${container.name} before its node was ready`)
    },
  }
}
