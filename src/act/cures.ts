import { assertNever } from '../assert-never.ts'
import { UnknownOutcome } from '../docker/errors.ts'
import { LeaseLost } from '../lease/lease.ts'
import { type TryEnd, withEnd } from '../plan/cure-record.ts'
import type { NodeAction, RestartVpnAction } from '../plan/node-action.ts'
import { StaleEpoch } from '../store/errors.ts'
import type { EventReason, NewFleetEvent } from '../telemetry/event.ts'
import type { RestartVpn } from '../vpn/restart-vpn.ts'
import type { Hands } from './carry-out.ts'
import { PLAN_AGE_MS } from './executor.ts'

/** Seconds of SIGTERM before SIGKILL: Gluetun takes below one to take its tunnel down. */
const NODE_GRACE_S = 10

export interface CuresParts extends Hands {
  readonly restartVpn: RestartVpn
  /** One ended: the loop should look again. */
  readonly onEnd: () => void
  /** The right to act is gone, or another leader's epoch was met. */
  readonly onLost: (error: Error) => void
}

/**
 * Carries out what is decided about VPN nodes: one thing at a time. What is about to be done is written to the store
 * before, so that whoever leads next neither does it again at once nor leaves it half done.
 */
export interface Cures extends AsyncDisposable {
  /** Begins it, unless another one is under way: then the next plan says whether it still is to be done. */
  submit(action: NodeAction | undefined, reconcileId: string): void
  /** The node that is being restarted. */
  curing(): string | undefined
  /** Changes whenever one ends: a picture begun under another stamp must not be planned on. */
  stamp(): number
}

/** Thrown when what was decided is too old to be begun. Nothing was sent. */
class Outdated extends Error {
  override readonly name = 'Outdated'
  readonly code = 'ACE_CURE_OUTDATED'
}

/** What is left of a restart that failed, by how the VPN was left. */
const ENDS = { untouched: 'untouched', running: 'done', stopped: 'open', unknown: 'open' } as const

/** How a try went. */
interface End {
  readonly reason: EventReason
  readonly message: string
  /** Empty where it did what it should. */
  readonly failure: string
  readonly end: TryEnd
}

export function makeCures(parts: CuresParts): Cures {
  const { store, lease, clock, record } = parts
  const closing = new AbortController()
  const signal = AbortSignal.any([lease.lost, closing.signal])
  let underWay: { readonly vpn: string; readonly work: Promise<void> } | undefined
  let ended = 0

  function tell({ vpn }: NodeAction, reconcileId: string, end: End): void {
    const type: NewFleetEvent['type'] = end.failure === '' ? 'Normal' : 'Warning'
    const { reason, message } = end
    const about = { at: clock.now(), fleet: lease.fleet, vpn, epoch: lease.epoch, reconcileId }
    record({ ...about, type, reason, message })
  }

  async function restartVpn(action: RestartVpnAction, assertMay: () => void): Promise<End> {
    const { vpn, target, isResumed, why } = action
    const end = await parts.restartVpn(target, { isResumed, assertMay }, signal)
    if (end.kind === 'restarted') {
      const what = isResumed ? 'was started' : 'was stopped and started'
      const message = `the VPN of ${vpn} ${what}: ${why}`
      return { reason: 'VpnRestarted', message, failure: '', end: 'done' }
    }
    const message = `the VPN of ${vpn} was not restarted (${why}): ${end.message}`
    return { reason: 'VpnRestartFailed', message, failure: end.message, end: ENDS[end.vpn] }
  }

  async function perform(action: NodeAction, assertMay: () => void): Promise<End> {
    switch (action.verb) {
      case 'restartVpn':
        return restartVpn(action, assertMay)
      case 'restartContainer': {
        assertMay()
        await parts.docker.restartNode(lease, action.containerId, NODE_GRACE_S, signal)
        const message = `the container ${action.vpn} was restarted: ${action.why}`
        return { reason: 'VpnContainerRestarted', message, failure: '', end: 'done' }
      }
      default:
        return assertNever(action)
    }
  }

  /** What an error means for the node. */
  function failed({ vpn, verb }: NodeAction, error: unknown): End {
    const what = verb === 'restartVpn' ? `the VPN of ${vpn}` : `the container ${vpn}`
    const failure = error instanceof Error ? error.message : String(error)
    const message = `${what} was not restarted: ${failure}`
    const end = error instanceof UnknownOutcome ? 'open' : 'untouched'
    return { reason: 'VpnRestartFailed', message, failure, end }
  }

  async function run(action: NodeAction, reconcileId: string): Promise<void> {
    const { vpn, note, kind } = action
    const plannedAt = clock.monotonic()
    const assertMay = () => {
      lease.assertHeld()
      if (clock.monotonic() - plannedAt > PLAN_AGE_MS)
        throw new Outdated('it was decided too long ago, and is decided anew')
    }
    const keep = (next: typeof note) => store.setNodeNote(lease.fleet, lease.epoch, vpn, next)
    try {
      assertMay()
      const end = await keep(note)
        .then(() => perform(action, assertMay))
        .catch((error: unknown) => {
          if (error instanceof LeaseLost || error instanceof StaleEpoch) throw error
          return failed(action, error)
        })
      tell(action, reconcileId, end)
      await keep(withEnd(note, kind, end, clock.now()))
    } catch (error) {
      if (error instanceof LeaseLost || error instanceof StaleEpoch) parts.onLost(error)
      // Else the store is away: its record says that this is not known to have ended, until the node is seen to stand.
    }
  }

  return {
    submit(action, reconcileId) {
      if (action === undefined || underWay !== undefined || signal.aborted) return
      const work = run(action, reconcileId).finally(() => {
        underWay = undefined
        ended += 1
        parts.onEnd()
      })
      underWay = { vpn: action.vpn, work }
    },
    curing: () => underWay?.vpn,
    stamp: () => ended,
    async [Symbol.asyncDispose]() {
      closing.abort(new LeaseLost(`fleet ${lease.fleet}: the term is over`))
      await underWay?.work
    },
  }
}
