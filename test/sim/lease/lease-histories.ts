import fc from 'fast-check'
import { TIMING } from './lease-client.ts'
import { type LeaseWorldOptions, makeLeaseWorld } from './lease-world.ts'
import { endFaults, histories, type Repertoire } from './mishaps.ts'

export interface Kind
  extends Repertoire,
    Pick<LeaseWorldOptions, 'isExclusive' | 'labelsAll' | 'bug'> {
  readonly title: string
}

/** Histories of each kind, of some 50 virtual seconds each. */
const RUNS = 150

/** Until a wrong keeper is found out. */
const BUG_RUNS = 500

/** The longest between two attempts of a standby to which servers were away, and the attempt itself, ms. */
const POLL_MS = TIMING.pollMs * 2 * 1.2 + TIMING.attemptMs

const CLIENTS = 3

/** Lives through histories of this kind, and has fast-check tell the smallest one that breaks a promise. */
function property(kind: Kind) {
  const places = fc.record({ seed: fc.nat(), servers: fc.constantFrom(1, 3, 3, 5) })
  return fc.asyncProperty(places, histories(kind), async (place, history) => {
    const world = makeLeaseWorld({ ...kind, ...place, clients: CLIENTS })
    await fc.asyncModelRun(() => ({ model: {}, real: world }), history)
    await endFaults(world)
    // Servers that restarted do not vote for a ttl; those whose clocks ran slow keep a lease for longer.
    const leaseMs = TIMING.ttlMs * (kind.forgets ? 2 : 1) * 1.04 + world.world.steppedBackMs
    const isLed = await world.leadsWithin(leaseMs + 2 * POLL_MS)
    if (!isLed) throw new Error('L1: nobody leads though all is well')
  })
}

export async function liveThroughAny(kind: Kind): Promise<void> {
  await fc.assert(property(kind), { numRuns: RUNS })
}

/** What is broken first, with shrinking left out: that it is found is all that counts. */
export async function firstViolation(kind: Kind): Promise<string> {
  const found = await fc.check(property(kind), { numRuns: BUG_RUNS, endOnFailure: true, seed: 1 })
  return found.failed ? String(found.errorInstance) : `nothing in ${found.numRuns} histories`
}
