import type { Observation } from '../observe/observation.ts'
import type { Action, PendingAction } from '../plan/action.ts'

/** An action that was begun, until its effect is certain. */
interface Entry {
  readonly action: Action
  readonly since: number
  /** Unix ms at which it ended without an answer; undefined while it is in flight. Owned by the ledger. */
  unknownSince: number | undefined
}

/** A handle on one begun action. */
export interface Begun {
  /** It had its effect, or certainly had none. */
  end(): void
  /** Nobody knows whether it had its effect. */
  endUnknown(now: number): void
}

/**
 * Remembers what was begun, so that nothing is planned on a picture that is older than our own doings. An action is
 * recorded before it is sent. While its outcome is unknown its slot counts as occupied.
 */
export interface Ledger {
  begin(action: Action, now: number): Begun
  /** Changes whenever an action ends: a picture begun under another stamp must not be planned on. */
  stamp(): number
  /** Resolves unknown outcomes by a later list; returns what was resolved, and how. */
  settle(observation: Observation): readonly { action: Action; happened: boolean }[]
  pending(): readonly PendingAction[]
}

/** Whether a list shows that an action had its effect. */
function showsEffect(action: Action, observation: Observation): boolean {
  const listed = observation.engines.find((e) =>
    action.verb === 'create' ? e.slot === action.slot : e.id === action.id,
  )
  switch (action.verb) {
    case 'create':
    case 'start':
      return listed !== undefined && listed.state !== 'created'
    case 'stop':
      return listed === undefined || listed.state === 'exited' || listed.state === 'dead'
    case 'remove':
      return listed === undefined
    case 'drain':
    case 'noteReady':
      return true
  }
}

/** @param patienceMs how long after it ended an unknown call may still land: twice a call's timeout. */
export function makeLedger(patienceMs: number): Ledger {
  const entries = new Set<Entry>()
  let ended = 0
  return {
    begin(action, now) {
      const entry: Entry = { action, since: now, unknownSince: undefined }
      entries.add(entry)
      return {
        end() {
          entries.delete(entry)
          ended += 1
        },
        endUnknown(at) {
          entry.unknownSince = at
          ended += 1
        },
      }
    },
    stamp: () => ended,
    settle(observation) {
      const resolved: { action: Action; happened: boolean }[] = []
      for (const entry of entries) {
        if (entry.unknownSince === undefined) continue
        const happened = showsEffect(entry.action, observation)
        const overdue = observation.startedAt >= entry.unknownSince + patienceMs
        if (!happened && !overdue) continue
        entries.delete(entry)
        resolved.push({ action: entry.action, happened })
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
