import { DockerError } from '../docker/errors.ts'
import { type Lease, LeaseLost } from '../lease/lease.ts'
import type { Observer } from '../observe/observer.ts'
import { StaleEpoch, StoreUnavailable } from '../store/errors.ts'
import { changesBetween } from '../telemetry/changes.ts'
import { makeConditionNews } from '../telemetry/condition-news.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Condition } from '../telemetry/status.ts'
import { type Reconciled, type ReconcileParts, type RulingSpec, reconcile } from './reconcile.ts'
import { makeStatusKeeper } from './status-keeper.ts'
import { beginTerm, type Term, type TermParts } from './term.ts'
import { troubleOf } from './trouble.ts'

/** A whole look without any wake-up, ms, ± 10 %: what every lost event costs at most. */
const RESYNC_MS = 30_000
/** A pass that takes longer is given up, ms. */
const PASS_TIMEOUT_MS = 60_000
/** First and longest wait after a failed pass, ms. */
const RETRY_MS = { first: 250, longest: 5_000 }
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
  /** Ends the term, if there is one, and waits for what any term has under way. */
  standDown(): Promise<void>
  /** What stands in the way right now; undefined when the last pass went well. */
  trouble(): Condition | undefined
}

/** A term, and who is to hear that it cannot go on: a pass may outlive its term, and must not end the next. */
type Served = Term & { readonly onLost: (error: Error) => void }

export function makeFleetController(
  parts: FleetControllerParts,
  first: RulingSpec,
): FleetController {
  const { clock, store, record, log } = parts
  const name = first.fleet.name
  let spec = first
  let term: Served | undefined
  let failures = 0
  let trouble: Condition | undefined
  let isOver = false
  /** Resolves when terms that are over have let go. */
  let gone: Promise<unknown> = Promise.resolve()
  const closing = new AbortController()
  const news = makeConditionNews(log, name)
  const status = makeStatusKeeper({ ...parts, fleet: name })

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
    for (const entry of plan.bookkeeping) {
      if (entry.kind !== 'endForward' || entry.dropped === undefined) continue
      const message = `forward --to ${entry.node} was dropped: ${entry.dropped}`
      const { epoch } = current.lease
      tell({
        type: 'Warning',
        reason: 'ForwardDropped',
        message,
        vpn: entry.node,
        epoch,
        reconcileId,
      })
    }
    const base = {
      generation: planned.generation,
      specHash: planned.template.specHash,
      replicas: planned.fleet.replicas,
      engines: plan.engines,
      vpns: plan.vpns,
      forwarding: plan.forwarding,
      observedAt: observation.startedAt,
    }
    const next = status.next(base, conditions, current.lease)
    for (const change of changesBetween(status.current(), next))
      tell({ ...change, epoch: current.lease.epoch, reconcileId })
    const tellAt = news.tell(next.conditions, clock.now(), current.lease.epoch)
    status.meet(found.incarnation)
    await status.publish(next, planned.fleet.engine.maxStreams, current.lease)
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
    trouble = troubleOf(error, trouble, clock.now())
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
    if (type === 'Stalled')
      log.error({ fleet: name, err: error }, 'pass failed for a reason that should not exist')
    failures += 1
    const wait = Math.min(RETRY_MS.first * 2 ** (failures - 1), RETRY_MS.longest)
    parts.wakeAt(clock.now() + wait * (0.8 + 0.4 * parts.random()))
    const last = status.current()
    if (last === undefined || error instanceof StoreUnavailable) return
    const kept = last.conditions.filter((c) => c.type !== type)
    const next = status.next(last, [...kept, now], lease)
    await status.publish(next, spec.fleet.engine.maxStreams, lease).catch(() => {})
  }

  async function passUnder(current: Served): Promise<void> {
    const timeout = new AbortController()
    using _ = clock.timer(PASS_TIMEOUT_MS, () =>
      timeout.abort(new DockerError(`no whole picture within ${PASS_TIMEOUT_MS / 1000} s`)),
    )
    const signal = AbortSignal.any([current.lease.lost, closing.signal, timeout.signal])
    const reconcileId = parts.newReconcileId()
    try {
      await status.recall()
      const planned = spec
      const found = await reconcile(parts, planned, current, reconcileId, signal)
      if (found.kind === 'postponed') return parts.wakeAt(found.until)
      dockerAnswered()
      await settle(found, planned, current, reconcileId)
      recovered()
    } catch (error) {
      if (closing.signal.aborted || current.lease.lost.aborted) return
      if (error instanceof LeaseLost || error instanceof StaleEpoch) return current.onLost(error)
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
      status.forget()
      term = { ...beginTerm({ ...parts, lease, onWake: parts.wake, onLost }), onLost }
      parts.wake()
    },
    async standDown() {
      const ending = term
      term = undefined
      if (ending !== undefined) gone = Promise.all([gone, ending[Symbol.asyncDispose]()])
      await gone
      // A term may end amid a look: a standby's own must not wait for the next resync.
      parts.wake()
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
