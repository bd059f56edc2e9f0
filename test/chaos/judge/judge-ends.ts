import type { EngineFact, Facts, Violation } from './facts.ts'

/** What a controller does to end an engine; a `die` alone may have any cause. */
const ENDS: readonly EngineFact['action'][] = ['kill', 'stop', 'destroy']

/** Clocks that differ by less are taken for the same (src/redis/skew.ts), so a deadline is kept no better, ms. */
const DEADLINE_DOUBT_MS = 250

function wasKilledByUs(facts: Facts, engine: EngineFact): boolean {
  return facts.killed.some(({ id, at }) => id === engine.id && at <= engine.at)
}

/** I7: every stop and remove follows a mark on that very container. */
function unmarkedEnds(facts: Facts): Violation[] {
  return facts.engines
    .filter(({ action }) => ENDS.includes(action))
    .filter((engine) => engine.action === 'destroy' || !wasKilledByUs(facts, engine))
    .filter(({ id, at }) => !facts.marks.some((mark) => mark.id === id && mark.at <= at))
    .map(({ action, name, at }) => ({
      invariant: 'I7',
      at,
      message: `${action} of ${name} without a mark on it`,
    }))
}

/** I5: an engine with viewers ends by its drain's deadline or not at all. */
function brokenStreams(facts: Facts): Violation[] {
  return facts.viewers.flatMap((viewer): Violation[] => {
    const end = facts.engines.find(
      ({ id, action, at }) =>
        id === viewer.id &&
        ['kill', 'die', 'destroy'].includes(action) &&
        at >= viewer.from &&
        at < viewer.to,
    )
    if (end === undefined || wasKilledByUs(facts, end)) return []
    const isDrained = facts.marks.some(
      ({ id, kind, at, deadlineAt }) =>
        id === viewer.id &&
        kind === 'draining' &&
        at <= end.at &&
        deadlineAt <= end.at + DEADLINE_DOUBT_MS,
    )
    if (isDrained) return []
    const message = `${end.name} ended by ${end.action} under a viewer, before any drain's deadline`
    return [{ invariant: 'I5', at: end.at, message }]
  })
}

/** A drain's deadline comes closer or stays, whoever leads; a store that forgot begins anew. */
function postponedDrains(facts: Facts): Violation[] {
  return facts.marks.flatMap((mark, index): Violation[] => {
    const before = facts.marks.slice(0, index).findLast(({ id }) => id === mark.id)
    if (before === undefined || mark.deadlineAt <= before.deadlineAt + DEADLINE_DOUBT_MS) return []
    if (facts.forgot.some((at) => at >= before.at && at <= mark.at)) return []
    const message = `the drain of ${mark.id.slice(0, 12)} was put off by ${mark.deadlineAt - before.deadlineAt} ms`
    return [{ invariant: 'I6', at: mark.at, message }]
  })
}

export function judgeEnds(facts: Facts): readonly Violation[] {
  return [...unmarkedEnds(facts), ...brokenStreams(facts), ...postponedDrains(facts)]
}
