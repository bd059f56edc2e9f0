import { assertNever } from '../assert-never.ts'
import type { ContainerId, Docker } from '../docker/port.ts'
import { containerName } from '../engine/place.ts'
import type { Lease } from '../lease/lease.ts'
import type {
  Action,
  CreateAction,
  DrainAction,
  RemoveAction,
  StartAction,
  StopAction,
} from '../plan/action.ts'
import type { Mark } from '../store/mark.ts'
import type { Store } from '../store/store.ts'
import type { EventReason, NewFleetEvent } from '../telemetry/event.ts'
import type { Clock } from '../time/clock.ts'

/** Last log lines of a dead engine that go into its event. */
const LAST_LINES = 20
/** A create takes 20 ms at the 99th percentile. What was known of a VPN node before one that took longer is old, ms. */
const START_AT_ONCE_MS = 2_000

export interface Hands {
  readonly docker: Docker
  readonly store: Store
  readonly lease: Lease
  readonly clock: Clock
  readonly record: (event: NewFleetEvent) => void
}

/** Says what happened to the engine of an action. */
function tell(
  { clock, lease, record }: Hands,
  on: {
    readonly action: Action
    readonly id?: ContainerId | undefined
    readonly reconcileId: string
  },
  type: NewFleetEvent['type'],
  reason: EventReason,
  message: string,
): void {
  const { action, id, reconcileId } = on
  record({
    at: clock.now(),
    fleet: lease.fleet,
    type,
    reason,
    message: `${containerName(lease.fleet, action.slot)} ${message}`,
    slot: action.slot,
    vpn: action.vpn,
    containerId: id ?? (action.verb === 'create' ? undefined : action.id),
    epoch: lease.epoch,
    reconcileId,
  })
}

async function create(
  hands: Hands,
  action: CreateAction,
  reconcileId: string,
  signal: AbortSignal,
) {
  const { docker, store, lease, clock } = hands
  const { inherits, spec } = action
  if (inherits !== undefined) {
    await store.setBackoff(lease.fleet, lease.epoch, action.slot, inherits.backoff)
    if (inherits.slot !== action.slot)
      await store.setBackoff(lease.fleet, lease.epoch, inherits.slot, undefined)
  }
  const askedAt = clock.monotonic()
  const id = await docker.create(lease, spec, signal)
  const on = { action, id, reconcileId }
  const where = action.vpn === undefined ? '' : ` on ${action.vpn}`
  tell(hands, on, 'Normal', action.why.reason, `created${where}: ${action.why.message}`)
  // Its node may be another one by now, or down; the next pass looks, and then starts it or does not (I10).
  if (clock.monotonic() - askedAt > START_AT_ONCE_MS) return
  await docker.start(lease, id, signal)
  tell(hands, on, 'Normal', 'EngineStarted', `started${where}`)
}

async function start(hands: Hands, action: StartAction, reconcileId: string, signal: AbortSignal) {
  await hands.docker.start(hands.lease, action.id, signal)
  tell(hands, { action, reconcileId }, 'Normal', 'EngineStarted', `started: ${action.why.message}`)
}

/** Writes the mark that every stop and remove follows (I7). */
function markOf(
  { lease, clock }: Hands,
  action: DrainAction | StopAction | RemoveAction,
  kind: Mark['kind'],
): Mark {
  const now = clock.now()
  const isEnd = action.verb !== 'drain'
  return {
    containerId: action.id,
    kind,
    reason: action.why.reason,
    at: now,
    deadlineAt: action.verb === 'drain' ? now + action.timeoutMs : now,
    ...(isEnd ? { stopAt: now } : {}),
    epoch: lease.epoch,
  }
}

/**
 * A mark is for good, and decides an engine's end as surely as the call that follows it: who stood still since it looked
 * must not write one, also where no later term has been opened that would refuse it (I5, I9).
 */
function writeMark({ store, lease }: Hands, mark: Mark): Promise<Mark> {
  lease.assertHeld()
  return store.mark(lease.fleet, mark)
}

async function drain(hands: Hands, action: DrainAction, reconcileId: string) {
  await writeMark(hands, markOf(hands, action, 'draining'))
  const message = `takes no new streams: ${action.why.message}`
  tell(hands, { action, reconcileId }, 'Normal', 'EngineDraining', message)
}

async function stop(hands: Hands, action: StopAction, reconcileId: string, signal: AbortSignal) {
  const { docker, store, lease } = hands
  const { fleet, epoch } = lease
  const on = { action, reconcileId }
  if (action.backoff !== undefined)
    await store.setBackoff(fleet, epoch, action.slot, action.backoff)
  const mark = await writeMark(hands, markOf(hands, action, action.mark))
  const failed = action.mark === 'failed'
  if (failed) tell(hands, on, 'Warning', 'EngineFailed', `is given up: ${action.why.message}`)
  await docker.stop(lease, mark, action.graceS, signal)
  tell(hands, on, 'Normal', 'EngineStopped', failed ? 'stopped' : `stopped: ${action.why.message}`)
}

/** How an engine ended, from Docker's own record and its last words. */
async function obituary({ docker }: Hands, id: ContainerId, signal: AbortSignal): Promise<string> {
  const detail = await docker.inspect(id, signal)
  const lines = await docker.logTail(id, LAST_LINES, signal).catch((error: unknown) => {
    signal.throwIfAborted()
    return [`(its log could not be read: ${error instanceof Error ? error.message : error})`]
  })
  const how = detail.oomKilled ? ', out of memory' : ''
  const why = detail.error === '' ? '' : `, ${detail.error}`
  const last = lines.length === 0 ? 'it logged nothing' : `last log lines:\n${lines.join('\n')}`
  return `exited with code ${detail.exitCode}${how}${why}; ${last}`
}

async function remove(
  hands: Hands,
  action: RemoveAction,
  reconcileId: string,
  signal: AbortSignal,
) {
  const { docker, store, lease } = hands
  const { fleet, epoch } = lease
  const on = { action, reconcileId }
  if (action.unexpected)
    tell(hands, on, 'Warning', 'EngineExited', await obituary(hands, action.id, signal))
  if (action.backoff !== undefined)
    await store.setBackoff(fleet, epoch, action.slot, action.backoff)
  const mark = await writeMark(hands, markOf(hands, action, 'failed'))
  await docker.remove(lease, mark, signal)
  tell(hands, on, 'Normal', 'EngineRemoved', 'removed')
}

/** Carries one action out. What it throws says whether the world may have changed. */
export async function carryOut(
  hands: Hands,
  action: Action,
  reconcileId: string,
  signal: AbortSignal,
): Promise<void> {
  switch (action.verb) {
    case 'create':
      return create(hands, action, reconcileId, signal)
    case 'start':
      return start(hands, action, reconcileId, signal)
    case 'noteReady': {
      const { fleet, epoch } = hands.lease
      await hands.store.noteReady(fleet, epoch, action.id, action.at)
      const vpn = action.vpn === undefined ? '' : ` on ${action.vpn}`
      return tell(hands, { action, reconcileId }, 'Normal', 'EngineReady', `is ready${vpn}`)
    }
    case 'drain':
      return drain(hands, action, reconcileId)
    case 'stop':
      return stop(hands, action, reconcileId, signal)
    case 'remove':
      return remove(hands, action, reconcileId, signal)
    default:
      return assertNever(action)
  }
}
