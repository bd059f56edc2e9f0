import { DockerError } from '../docker/errors.ts'
import { type Lease, LeaseLost } from '../lease/lease.ts'
import type { Observer } from '../observe/observer.ts'
import { StaleEpoch, StoreUnavailable } from '../store/errors.ts'
import type { Endpoint } from '../store/store.ts'
import { changesBetween } from '../telemetry/changes.ts'
import { makeConditionNews } from '../telemetry/condition-news.ts'
import { mergeConditions } from '../telemetry/conditions.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Condition, FleetStatus, PlannedCondition } from '../telemetry/status.ts'
import { type Reconciled, type ReconcileParts, type RulingSpec, reconcile } from './reconcile.ts'
import { beginTerm, type Term, type TermParts } from './term.ts'

/** A whole look without any wake-up, ms, ± 10 %: what every lost event costs at most. */
const RESYNC_MS = 30_000
/** A pass that takes longer is given up, ms. */
const PASS_TIMEOUT_MS = 60_000
/** First and longest wait after a failed pass, ms. */
const RETRY_MS = { first: 250, longest: 5_000 }
/** A status that has not changed is published again after this time, so that readers can tell how fresh it is, ms. */
const REPUBLISH_MS = 30_000

export interface FleetControllerParts
  extends ReconcileParts,
    Omit<TermParts, 'lease' | 'onLost' | 'onWake'> {
  readonly observer: Observer
  readonly log: Logger
  readonly random: () => number
  readonly newReconcileId: () => string
  /** Who leads, for people. */
  readonly holder: string
  readonly wake: () => void
  readonly wakeAt: (at: number) => void
  /** `acefleet delete` has been carried out. */
  readonly onDeleted: () => void
}

/** Looks after one fleet for as long as the process lives; acts while it leads. */
export interface FleetController extends AsyncDisposable {
  rule(spec: RulingSpec): void
  spec(): RulingSpec
  /** One pass. Never rejects, never runs twice at once. */
  pass(): Promise<void>
  /** Begins a term. `onLost` is called when the right to act turns out to be gone. */
  lead(lease: Lease, onLost: (error: Error) => void): void
  /** Ends the term, if there is one, and waits for what it has under way. */
  standDown(): Promise<void>
  /** What stands in the way right now; undefined when the last pass went well. */
  trouble(): Condition | undefined
}

function endpointsOf(status: FleetStatus, spec: RulingSpec, lease: Lease): readonly Endpoint[] {
  return status.engines.flatMap((engine) => {
    const { containerId, address, port } = engine
    if (containerId === undefined || address === undefined || port === undefined) return []
    const { slot, ready, forwarded, vpn } = engine
    const { maxStreams } = spec.fleet.engine
    return [
      {
        containerId,
        slot,
        host: address,
        port,
        ready,
        forwarded,
        vpn,
        maxStreams,
        epoch: lease.epoch,
      },
    ]
  })
}

/** What a failed pass means, as a standing fact; nothing about the fleet itself may be concluded from it (I9). */
function conditionOf(error: unknown): PlannedCondition {
  const message = error instanceof Error ? error.message : String(error)
  const type = error instanceof StoreUnavailable ? 'StoreUnavailable' : 'DockerUnreachable'
  const reason =
    error instanceof DockerError || error instanceof StoreUnavailable ? error.name : 'PassFailed'
  return { type, status: 'True', reason, message }
}

/** What a pass saw and decided, and the spec that it was planned by: another may rule when it is told. */
type Picture = Pick<
  FleetStatus,
  'generation' | 'specHash' | 'replicas' | 'engines' | 'vpns' | 'observedAt'
>

export function makeFleetController(
  parts: FleetControllerParts,
  first: RulingSpec,
): FleetController {
  const { clock, store, record, log } = parts
  const name = first.fleet.name
  let spec = first
  let term: Term | undefined
  let loseLease: (error: Error) => void = () => {}
  let published: FleetStatus | undefined
  let publishedAt = 0
  let failures = 0
  let trouble: Condition | undefined
  let isOver = false
  const closing = new AbortController()
  const news = makeConditionNews(log, name)

  function statusOf(base: Picture, planned: readonly PlannedCondition[], lease: Lease) {
    const { conditions, turns } = mergeConditions(published?.conditions ?? [], planned, clock.now())
    for (const { turned, condition } of turns) {
      const fields = { fleet: name, epoch: lease.epoch, reason: condition.reason }
      log.debug(fields, `condition ${condition.type} turned ${turned}: ${condition.message}`)
    }
    const forwarded = base.engines.find((e) => e.forwarded && e.ready)?.name
    return {
      ...base,
      fleet: name,
      epoch: lease.epoch,
      leader: parts.holder,
      ready: base.engines.filter((e) => e.ready).length,
      updated: base.engines.filter((e) => e.updated).length,
      forwarded,
      conditions,
    } satisfies FleetStatus
  }

  async function publish(status: FleetStatus, lease: Lease): Promise<void> {
    const isSame =
      JSON.stringify({ ...status, observedAt: 0 }) ===
      JSON.stringify({ ...published, observedAt: 0 })
    if (isSame && clock.now() - publishedAt < REPUBLISH_MS) return
    // Before it is sent: a write that fails may stand all the same, and what it said must not be taken back (I6).
    published = status
    publishedAt = -Infinity
    await store.publish(name, lease.epoch, status, endpointsOf(status, spec, lease))
    publishedAt = clock.now()
  }

  function tell(about: Omit<NewFleetEvent, 'at' | 'fleet'>): void {
    record({ at: clock.now(), fleet: name, ...about })
  }

  function tellAdopted(found: Reconciled, current: Term): void {
    if (current.hasToldFound) return
    current.hasToldFound = true
    const running = found.observation.engines.filter((e) => e.state === 'running')
    if (running.length === 0) return
    const message = `adopted ${running.length} running engines: ${running.map((e) => e.name).join(', ')}`
    tell({ type: 'Normal', reason: 'EngineAdopted', message, epoch: current.lease.epoch })
  }

  async function settle(
    found: Reconciled,
    planned: RulingSpec,
    current: Term,
    reconcileId: string,
  ): Promise<void> {
    const { plan, conditions, observation } = found
    tellAdopted(found, current)
    if (plan.bookkeeping.some((entry) => entry.kind === 'dropFleet')) {
      isOver = true
      tell({ type: 'Normal', reason: 'FleetDeleted', message: `fleet ${name} is deleted` })
      parts.onDeleted()
      return
    }
    const base = {
      generation: planned.generation,
      specHash: planned.template.specHash,
      replicas: planned.fleet.replicas,
      engines: plan.engines,
      vpns: plan.vpns,
      observedAt: observation.startedAt,
    }
    const status = statusOf(base, conditions, current.lease)
    for (const change of changesBetween(published, status))
      tell({ ...change, epoch: current.lease.epoch, reconcileId })
    const tellAt = news.tell(status.conditions, clock.now(), current.lease.epoch)
    await publish(status, current.lease)
    const resync = clock.now() + RESYNC_MS * (0.9 + 0.2 * parts.random())
    parts.wakeAt(Math.min(found.wakeAt ?? resync, tellAt ?? resync, resync))
  }

  function dockerAnswered(): void {
    if (trouble?.type !== 'DockerUnreachable') return
    tell({ type: 'Normal', reason: 'DockerBack', message: 'the Docker daemon answers again' })
    trouble = undefined
  }

  function recovered(): void {
    if (trouble !== undefined) log.info({ fleet: name, reason: trouble.reason }, 'passes again')
    trouble = undefined
    failures = 0
  }

  function enterTrouble(error: unknown): Condition {
    const next = conditionOf(error)
    const since = trouble?.type === next.type ? trouble.since : clock.now()
    trouble = { ...next, since }
    return trouble
  }

  async function failed(error: unknown, { lease }: Term): Promise<void> {
    const before = trouble
    const now = enterTrouble(error)
    const { type, reason, message } = now
    if (type === 'DockerUnreachable' && before?.type !== type)
      tell({ type: 'Warning', reason: 'DockerLost', message, epoch: lease.epoch })
    else if (before?.message !== message)
      log.warn({ fleet: name, reason }, `pass failed: ${message}`)
    if (!(error instanceof DockerError || error instanceof StoreUnavailable))
      log.error({ fleet: name, err: error }, 'pass failed for a reason that should not exist')
    failures += 1
    const wait = Math.min(RETRY_MS.first * 2 ** (failures - 1), RETRY_MS.longest)
    parts.wakeAt(clock.now() + wait * (0.8 + 0.4 * parts.random()))
    if (published === undefined || error instanceof StoreUnavailable) return
    const kept = published.conditions.filter((c) => c.type !== type)
    await publish(statusOf(published, [...kept, now], lease), lease).catch(() => {})
  }

  /** A new process or leader goes on from the last published status: what stood before is no news. */
  async function recallStatus(): Promise<void> {
    published ??= (await store.statuses()).find((status) => status.fleet === name)
  }

  async function passUnder(current: Term): Promise<void> {
    const timeout = new AbortController()
    using _ = clock.timer(PASS_TIMEOUT_MS, () =>
      timeout.abort(new DockerError(`no whole picture within ${PASS_TIMEOUT_MS / 1000} s`)),
    )
    const signal = AbortSignal.any([current.lease.lost, closing.signal, timeout.signal])
    const reconcileId = parts.newReconcileId()
    try {
      await recallStatus()
      const planned = spec
      const found = await reconcile(parts, planned, current, reconcileId, signal)
      if (found.kind === 'postponed') return parts.wakeAt(found.until)
      dockerAnswered()
      await settle(found, planned, current, reconcileId)
      recovered()
    } catch (error) {
      if (closing.signal.aborted || current.lease.lost.aborted) return
      if (error instanceof LeaseLost || error instanceof StaleEpoch) return loseLease(error)
      await failed(timeout.signal.aborted ? timeout.signal.reason : error, current)
    }
  }

  return {
    rule(next) {
      spec = next
      parts.wake()
    },
    spec: () => spec,
    async pass() {
      if (isOver || closing.signal.aborted) return
      // A standby keeps looking, so that its probes and VPN judgements are warm when it leads.
      if (term === undefined) await look()
      else await passUnder(term)
    },
    lead(lease, onLost) {
      loseLease = onLost
      // Others may have led since this process published last.
      published = undefined
      publishedAt = -Infinity
      term = beginTerm({ ...parts, lease, onWake: parts.wake, onLost })
      parts.wake()
    },
    async standDown() {
      const ending = term
      term = undefined
      await ending?.[Symbol.asyncDispose]()
    },
    trouble: () => trouble,
    async [Symbol.asyncDispose]() {
      closing.abort(new LeaseLost('the process is ending'))
      await this.standDown()
    },
  }

  async function look(): Promise<void> {
    try {
      const { engines } = await store.readFleet(name, clock.now())
      await parts.observer.observe(spec.fleet, engines, closing.signal)
      trouble = undefined
      parts.wakeAt(clock.now() + RESYNC_MS)
    } catch (error) {
      if (closing.signal.aborted) return
      enterTrouble(error)
      parts.wakeAt(clock.now() + RETRY_MS.longest)
    }
  }
}
