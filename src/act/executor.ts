import { ImageMissing, NameTaken, NotFound, UnknownOutcome } from '../docker/errors.ts'
import { containerName } from '../engine/place.ts'
import { LeaseLost } from '../lease/lease.ts'
import type { Observation } from '../observe/observation.ts'
import type { Action, PendingAction } from '../plan/action.ts'
import { StaleEpoch } from '../store/errors.ts'
import type { EventReason } from '../telemetry/event.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import { carryOut, type Hands } from './carry-out.ts'
import { makeHolds } from './holds.ts'
import { makeLedger } from './ledger.ts'

/**
 * Actions under way at once, by lane. A graceful stop takes ten seconds, so it must hold up neither engines that come
 * nor what cannot wait: a mark, a removal, the stop of an engine that leaks (I10).
 */
const LANES = { bring: 4, drainedStop: 3, clear: 3, note: 4 }

type Lane = keyof typeof LANES

function laneOf(action: Action): Lane {
  switch (action.verb) {
    case 'create':
    case 'start':
      return 'bring'
    case 'drain':
    case 'noteReady':
      return 'note'
    case 'remove':
      return 'clear'
    case 'stop':
      return action.mark === 'failed' ? 'clear' : 'drainedStop'
  }
}

/**
 * What was planned longer ago is no longer begun, ms: a stop that waited behind slow ones, or behind a daemon that no
 * longer answers, would rest on an old picture (I9). Whatever ends wakes the loop, so the next plan comes at once.
 */
export const PLAN_AGE_MS = 5_000

export interface ExecutorParts extends Hands {
  /** Longest that an unanswered call may still take effect after we gave it up, ms. */
  readonly patienceMs: number
  /** Something ended: the loop should look again. */
  readonly onEnd: () => void
  /** The right to act is gone, or another leader's epoch was met. */
  readonly onLost: (error: Error) => void
  /** A create met a missing image. */
  readonly onImageMissing: (image: string) => void
}

/** Carries plans out: bounded, in the plan's order, gently at first, and never twice at once on one engine. */
export interface Executor extends AsyncDisposable {
  /** Drops all that was planned before and has not been begun: another plan was made, and is about to come. */
  withdraw(): void
  /**
   * Replaces all that was planned before and has not been begun.
   * @param plannedAt monotonic ms; what comes when it is too old already only wakes the loop.
   */
  submit(actions: readonly Action[], reconcileId: string, plannedAt: number): void
  /** See {@link Ledger.stamp}. */
  stamp(): number
  /** Resolves unknown outcomes by a list. */
  settle(observation: Observation): void
  pending(): readonly PendingAction[]
  /** Unix ms at which something that failed may be tried again; undefined when nothing waits for that. */
  retryAt(): number | undefined
  /** What is wanted but fails again and again. */
  conditions(): readonly PlannedCondition[]
}

const FAILED: Readonly<Record<Action['verb'], EventReason>> = {
  create: 'CreateFailed',
  start: 'StartFailed',
  noteReady: 'NoteFailed',
  drain: 'NoteFailed',
  stop: 'StopFailed',
  remove: 'RemoveFailed',
}

const brings = (action: Action) => action.verb === 'create' || action.verb === 'start'

/** All creates share one hold: what fails one, a daemon in trouble or a bad spec, fails them all. */
const ALL_CREATES = 'create'
const holdKey = (action: Action) => (action.verb === 'create' ? ALL_CREATES : action.id)

export function makeExecutor(parts: ExecutorParts): Executor {
  const { clock, lease, record } = parts
  const ledger = makeLedger(parts.patienceMs, clock)
  const closing = new AbortController()
  const signal = AbortSignal.any([lease.lost, closing.signal])
  const underWay = new Set<Promise<void>>()
  let queue: { action: Action; reconcileId: string }[] = []
  /** Monotonic ms at which the queue was planned. */
  let queuedPlanAt = 0
  /** How many creates may be under way: grows with each success, falls back to one with a failure (slow start). */
  let window = 1
  const busy: Record<Lane, number> = { bring: 0, drainedStop: 0, clear: 0, note: 0 }
  const holds = makeHolds(clock)

  function tell(action: Action, reconcileId: string, reason: EventReason, message: string): void {
    const containerId = action.verb === 'create' ? undefined : action.id
    const { slot, vpn } = action
    const about = { at: clock.now(), fleet: lease.fleet, slot, vpn, containerId }
    const trace = { epoch: lease.epoch, reconcileId }
    record({ ...about, ...trace, type: 'Warning', reason, message })
  }

  /** What went wrong with an action, in one sentence. */
  function describe(error: unknown, { verb, slot }: Action): string {
    const message = error instanceof Error ? error.message : String(error)
    return `${containerName(lease.fleet, slot)}: ${verb} failed: ${message}`
  }

  /** Tells what an error means; returns whether the outcome is unknown. */
  function understand(error: unknown, action: Action, reconcileId: string): boolean {
    if (error instanceof LeaseLost || error instanceof StaleEpoch) {
      queue = []
      parts.onLost(error)
      return false
    }
    if (error instanceof UnknownOutcome) {
      const name = containerName(lease.fleet, action.slot)
      const message = `${name}: ${action.verb} was not answered: ${error.message}`
      tell(action, reconcileId, 'OutcomeUnknown', message)
      return true
    }
    if (error instanceof ImageMissing && action.verb === 'create')
      parts.onImageMissing(action.spec.image)
    // News, not trouble: the next list shows who holds the name.
    const reason = error instanceof NameTaken ? 'NameTaken' : FAILED[action.verb]
    tell(action, reconcileId, reason, describe(error, action))
    return false
  }

  /** Slow start: a success lets one more come at a time, a failure only one, later. */
  function learn(action: Action, isSuccess: boolean, error?: unknown): void {
    if (isSuccess) {
      holds.succeeded(holdKey(action))
      if (action.verb === 'create') holds.succeeded(action.slot)
    } else {
      const key = error instanceof NameTaken ? action.slot : holdKey(action)
      holds.failed(key, describe(error, action))
    }
    if (!brings(action)) return
    window = isSuccess ? Math.min(window + 1, LANES.bring) : 1
    if (!isSuccess) queue = queue.filter((queued) => !brings(queued.action))
  }

  async function run(action: Action, reconcileId: string): Promise<void> {
    const begun = ledger.begin(action, reconcileId)
    try {
      await carryOut(parts, action, reconcileId, signal)
      begun.end()
      learn(action, true)
    } catch (error) {
      // A container that is gone needs no stop; a list will show it.
      const isOver = error instanceof NotFound && !brings(action)
      const isUnknown = !isOver && understand(error, action, reconcileId)
      if (isUnknown) begun.endUnknown()
      else begun.end()
      learn(action, isOver, error)
    }
  }

  function mayBegin(action: Action): boolean {
    if (holds.isHeld(holdKey(action))) return false
    // A name that is taken holds back its creates alone: what goes in the slot may be what takes it.
    if (action.verb === 'create' && holds.isHeld(action.slot)) return false
    const lane = laneOf(action)
    return busy[lane] < (lane === 'bring' ? window : LANES[lane])
  }

  function pump(): void {
    if (clock.monotonic() - queuedPlanAt > PLAN_AGE_MS) queue = []
    while (!signal.aborted) {
      const index = queue.findIndex(({ action }) => mayBegin(action))
      const next = index < 0 ? undefined : queue.splice(index, 1)[0]
      if (next === undefined) return
      const lane = laneOf(next.action)
      busy[lane] += 1
      const work = run(next.action, next.reconcileId).finally(() => {
        busy[lane] -= 1
        underWay.delete(work)
        pump()
        parts.onEnd()
      })
      underWay.add(work)
    }
  }

  return {
    withdraw() {
      queue = []
    },
    submit(actions, reconcileId, plannedAt) {
      const taken = new Set(ledger.pending().map((p) => p.id ?? p.slot))
      const isFree = (a: Action) => !taken.has(a.verb === 'create' ? a.slot : a.id)
      queue = actions.filter(isFree).map((action) => ({ action, reconcileId }))
      queuedPlanAt = plannedAt
      const isLate = queue.length > 0 && clock.monotonic() - plannedAt > PLAN_AGE_MS
      pump()
      if (isLate) parts.onEnd()
    },
    stamp: ledger.stamp,
    settle(observation) {
      for (const { action, reconcileId, happened } of ledger.settle(observation)) {
        const name = containerName(lease.fleet, action.slot)
        const outcome = happened ? 'took effect after all' : 'took no effect'
        const message = `${name}: the unanswered ${action.verb} ${outcome}`
        tell(action, reconcileId, 'OutcomeResolved', message)
      }
    },
    pending: ledger.pending,
    retryAt: holds.nextEnd,
    conditions() {
      const lasting = holds.lasting()
      const waiting = queue.map(({ action }) => holdKey(action))
      const underWay = ledger.pending().map((p) => p.id ?? ALL_CREATES)
      return [...new Set([...waiting, ...underWay])].flatMap((key): PlannedCondition[] => {
        const why = lasting.get(key)
        if (why === undefined) return []
        const message = `${why}; it is tried again with growing pauses`
        return [{ type: 'Stalled', status: 'True', reason: 'FailsAgainAndAgain', message }]
      })
    },
    async [Symbol.asyncDispose]() {
      queue = []
      closing.abort(new LeaseLost(`fleet ${lease.fleet}: the term is over`))
      await Promise.allSettled(underWay)
    },
  }
}
