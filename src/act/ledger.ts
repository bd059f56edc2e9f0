import { assertNever } from '../assert-never.ts'
import type { Observation } from '../observe/observation.ts'
import type { Action, PendingAction } from '../plan/action.ts'
import type { Clock } from '../time/clock.ts'

/** An action that was begun, until its effect is certain. */
interface Entry {
  readonly action: Action
  /** The pass that it was planned by. */
  readonly reconcileId: string
  /** Unix ms. */
  readonly since: number
  /** When it ended without an answer, by the clock that never steps; undefined while it is in flight. Owned by the ledger. */
  unknownSince: number | undefined
}

/** What became of an action of which nobody knew. */
export interface Resolved {
  readonly action: Action
  readonly reconcileId: string
  readonly happened: boolean
}

/** A handle on one begun action. */
export interface Begun {
  /** It had its effect, or certainly had none. */
  end(): void
  /** Nobody knows whether it had its effect. */
  endUnknown(): void
}

/**
 * Remembers what was begun, so that nothing is planned on a picture that is older than our own doings. An action is
 * recorded before it is sent. While its outcome is unknown its slot counts as occupied.
 */
export interface Ledger {
  begin(action: Action, reconcileId: string): Begun
  /** Changes whenever an action ends: a picture begun under another stamp must not be planned on. */
  stamp(): number
  /** Resolves unknown outcomes by a later list; returns what was resolved, and how. */
  settle(observation: Observation): readonly Resolved[]
  pending(): readonly PendingAction[]
}

/** Whether a list shows that an action had its effect, or that there is nothing left which it could have it on. */
function showsEffect(action: Action, { engines }: Observation): boolean {
  // By name: one that was renamed carries the slot's label too.
  if (action.verb === 'create') return engines.some((e) => e.name === action.spec.name)
  const listed = engines.find((e) => e.id === action.id)
  switch (action.verb) {
    case 'start':
      return listed?.state !== 'created'
    case 'stop':
      return listed === undefined || listed.state === 'exited' || listed.state === 'dead'
    case 'remove':
      return listed === undefined
    case 'drain':
    case 'noteReady':
      return true
    default:
      return assertNever(action)
  }
}

/** @param patienceMs how long after it ended an unknown call may still land: twice a call's timeout. */
export function makeLedger(patienceMs: number, clock: Pick<Clock, 'now' | 'monotonic'>): Ledger {
  const entries = new Set<Entry>()
  let ended = 0
  return {
    begin(action, reconcileId) {
      const since = clock.now()
      const entry: Entry = { action, reconcileId, since, unknownSince: undefined }
      entries.add(entry)
      return {
        end() {
          entries.delete(entry)
          ended += 1
        },
        endUnknown() {
          entry.unknownSince = clock.monotonic()
          ended += 1
        },
      }
    },
    stamp: () => ended,
    settle(observation) {
      const resolved: Resolved[] = []
      const agoMs = Math.max(0, clock.now() - observation.startedAt)
      const startedAt = clock.monotonic() - agoMs
      for (const entry of entries) {
        if (entry.unknownSince === undefined) continue
        const happened = showsEffect(entry.action, observation)
        const overdue = startedAt >= entry.unknownSince + patienceMs
        if (!happened && !overdue) continue
        entries.delete(entry)
        resolved.push({ action: entry.action, reconcileId: entry.reconcileId, happened })
      }
      return resolved
    },
    pending: () =>
      [...entries].map(({ action, since, unknownSince }) => ({
        verb: action.verb,
        slot: action.slot,
        vpn: action.vpn,
        forwarded: action.verb === 'create' && action.forwarded,
        id: action.verb === 'create' ? undefined : action.id,
        since,
        outcome: unknownSince === undefined ? 'inFlight' : 'unknown',
      })),
  }
}
