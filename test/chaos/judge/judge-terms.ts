import { type Facts, pidOf, type TermFact, type Violation } from './facts.ts'

/** The term that stood at that instant. */
function termAt(facts: Facts, at: number): TermFact | undefined {
  return facts.terms.findLast((term) => term.at <= at)
}

/** I6: each term's epoch is above all before it, whatever Redis forgot. */
function fallenEpochs(facts: Facts): Violation[] {
  return facts.terms.flatMap((term, index): Violation[] => {
    const largest = Math.max(0, ...facts.terms.slice(0, index).map(({ epoch }) => epoch))
    if (term.epoch > largest) return []
    const message = `${term.holder} opened epoch ${term.epoch}, when ${largest} had been opened`
    return [{ invariant: 'I6', at: term.at, message }]
  })
}

/** I6: an engine carries the epoch of a term that was opened before it was created. */
function strayEpochs(facts: Facts): Violation[] {
  return facts.engines
    .filter(({ action }) => action === 'create')
    .flatMap(({ name, labels, at }): Violation[] => {
      const epoch = Number(labels['acefleet.epoch'])
      if (facts.terms.some((term) => term.epoch === epoch && term.at <= at)) return []
      const message = `${name} carries epoch ${epoch}, which nobody had opened`
      return [{ invariant: 'I6', at, message }]
    })
}

/** I6: what an older term writes is refused. */
function staleWrites(facts: Facts): Violation[] {
  return facts.writes.flatMap(({ at, what, epoch }): Violation[] => {
    const standing = termAt(facts, at)
    if (standing === undefined || epoch >= standing.epoch) return []
    const message = `a ${what} of epoch ${epoch} was written, when ${standing.holder} had opened ${standing.epoch}`
    return [{ invariant: 'I6', at, message }]
  })
}

/** I7: nobody issues a call after another one's term was opened. */
function overtakenCalls(facts: Facts): Violation[] {
  return facts.calls.flatMap(({ at, pid, line }): Violation[] => {
    const standing = termAt(facts, at)
    if (standing === undefined || pidOf(standing.holder) === pid) return []
    const message = `process ${pid} issued ${line} ${Math.round(at - standing.at)} ms after ${standing.holder} had begun to lead`
    return [{ invariant: 'I7', at, message }]
  })
}

/** I7: whoever acts, a majority of the lease servers has granted or renewed a lease within its ttl. */
function callsWithoutLease(facts: Facts): Violation[] {
  const quorum = Math.floor(facts.renewals.length / 2) + 1
  return facts.calls.flatMap(({ at, pid, line }): Violation[] => {
    const agesMs = facts.renewals
      .map((times) => at - (times.findLast((time) => time <= at) ?? Number.NEGATIVE_INFINITY))
      .toSorted((a, b) => a - b)
    const ageMs = agesMs[quorum - 1] ?? Number.POSITIVE_INFINITY
    if (ageMs <= facts.ttlMs) return []
    const message = `process ${pid} issued ${line} ${Math.round(ageMs)} ms after a majority had last granted any lease`
    return [{ invariant: 'I7', at, message }]
  })
}

export function judgeTerms(facts: Facts): readonly Violation[] {
  return [
    ...fallenEpochs(facts),
    ...strayEpochs(facts),
    ...staleWrites(facts),
    ...overtakenCalls(facts),
    ...callsWithoutLease(facts),
  ]
}
