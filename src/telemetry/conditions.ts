import type { Condition, ConditionType, PlannedCondition } from './status.ts'

/** A condition that became true or stopped being true. */
export interface ConditionTurn {
  readonly turned: 'on' | 'off'
  /** As it now stands; for one that was dropped, as it last stood. */
  readonly condition: Condition
}

export interface MergedConditions {
  /** `Ready` first, then the others by type; all but `Ready` are True. */
  readonly conditions: readonly Condition[]
  readonly turns: readonly ConditionTurn[]
}

function joinMessages(first: string, second: string): string {
  if (first.includes(second)) return first
  return `${first}; ${second}`
}

/** One of each type, those that are False dropped unless it is `Ready`; messages of the same type are joined. */
function byType(planned: readonly PlannedCondition[]): Map<ConditionType, PlannedCondition> {
  const unique = new Map<ConditionType, PlannedCondition>()
  for (const next of planned) {
    if (next.status === 'False' && next.type !== 'Ready') continue
    const before = unique.get(next.type)
    if (before === undefined) unique.set(next.type, next)
    else if (before.status === next.status) {
      unique.set(next.type, { ...before, message: joinMessages(before.message, next.message) })
    } else if (next.status === 'False') {
      // Two words on Ready: the bad news counts.
      unique.set(next.type, next)
    }
  }
  return unique
}

function inOrder(a: Condition, b: Condition): number {
  if (a.type === 'Ready') return b.type === 'Ready' ? 0 : -1
  if (b.type === 'Ready') return 1
  return a.type < b.type ? -1 : a.type > b.type ? 1 : 0
}

/**
 * Puts what a plan states over what stood before. `since` moves only when `status` does; a condition that is no
 * longer stated is gone. Pure.
 */
export function mergeConditions(
  previous: readonly Condition[],
  planned: readonly PlannedCondition[],
  now: number,
): MergedConditions {
  const before = new Map(previous.map((condition) => [condition.type, condition]))
  const conditions: Condition[] = []
  const turns: ConditionTurn[] = []
  for (const next of byType(planned).values()) {
    const old = before.get(next.type)
    const isSame = old?.status === next.status
    const condition: Condition = { ...next, since: isSame ? old.since : now }
    conditions.push(condition)
    if (next.status === 'True' && !isSame) turns.push({ turned: 'on', condition })
    if (next.status === 'False' && old?.status === 'True') turns.push({ turned: 'off', condition })
  }
  const kept = new Set(conditions.map((condition) => condition.type))
  for (const old of previous) {
    if (old.status === 'True' && !kept.has(old.type)) turns.push({ turned: 'off', condition: old })
  }
  return { conditions: conditions.toSorted(inOrder), turns }
}
