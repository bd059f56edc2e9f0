import type { Tenure } from '../../../src/lease/lease.ts'
import type { LeaseClient } from './lease-client.ts'

/** A term, by the world's time. */
interface BegunTerm {
  /** When it was asked for. */
  readonly startedAt: number
  readonly begunAt: number
  readonly epoch: number
}

/** Thrown when a promise is broken. */
class Violation extends Error {
  override readonly name = 'Violation'
}

/** Whether it may act now. A process that is stopped is not made to find out: that it does for itself, or never. */
function passes(tenure: Tenure, isRunning: boolean): boolean {
  if (!isRunning) return tenure.remainingMs() > 0
  try {
    tenure.assertHeld()
    return true
  } catch {
    return false
  }
}

/** Judges every instant of a history of leases. `isExclusive`: nothing happens that would excuse two holders. */
export function judgeLeases(isExclusive: boolean) {
  const over = new WeakSet<Tenure>()
  const terms: BegunTerm[] = []
  let failure: unknown

  function look(clients: readonly LeaseClient[]): void {
    if (failure !== undefined) throw failure
    const holders: string[] = []
    for (const { process, tenures } of clients) {
      if (process.state === 'dead') continue
      for (const tenure of tenures) {
        const isHeld = passes(tenure, process.state === 'running')
        if (isHeld && over.has(tenure))
          throw new Violation(`I7: ${process.name} holds again what was over`)
        if (isHeld) holders.push(process.name)
        else over.add(tenure)
      }
    }
    if (isExclusive && holders.length > 1)
      throw new Violation(`I7: ${holders.join(' and ')} hold the lease at once`)
  }

  return {
    look,
    terms,
    failed: (error: unknown) => {
      failure = error
    },
    /** A term is above every one that had begun before it was asked for (I6). */
    begun(term: BegunTerm): void {
      const earlier = terms.filter(({ begunAt }) => begunAt < term.startedAt)
      const highest = Math.max(0, ...earlier.map(({ epoch }) => epoch))
      if (term.epoch <= highest)
        failure ??= new Violation(`I6: epoch ${term.epoch} begins after epoch ${highest}`)
      terms.push(term)
    },
  }
}
