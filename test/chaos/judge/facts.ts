import type { IssuedCall } from '../controller-process.ts'

/** One thing that the daemon told of an engine of the fleet. */
export interface EngineFact {
  readonly action: 'create' | 'start' | 'kill' | 'stop' | 'die' | 'destroy'
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Unix ms, as all times here: daemon, Redis and harness share the machine's clock. */
  readonly at: number
}

/** A mark, as it was written into the store. */
export interface MarkFact {
  readonly at: number
  readonly id: string
  readonly kind: 'draining' | 'failed'
  readonly deadlineAt: number
  readonly epoch: number
}

/** A term that the store has opened, and for whom. */
export interface TermFact {
  readonly at: number
  readonly epoch: number
  /** `host:pid-xxxx`. */
  readonly holder: string
}

/** A write of a leader that carries its epoch. */
export interface WriteFact {
  readonly at: number
  readonly what: 'mark' | 'status'
  readonly epoch: number
}

/** A viewer on an engine, streaming from `from` to `to` without a break, whatever becomes of the store. */
export interface ViewerFact {
  readonly id: string
  readonly from: number
  to: number
}

/** What was asked for from then on. */
export interface SpecFact {
  readonly at: number
  readonly replicas: number
  readonly maxSurge: number
}

/** All that was seen of a fleet, by those who know nothing of its controllers; each list is in the order of time. */
export interface Facts {
  readonly engines: EngineFact[]
  readonly marks: MarkFact[]
  readonly terms: TermFact[]
  readonly writes: WriteFact[]
  readonly calls: IssuedCall[]
  readonly viewers: ViewerFact[]
  readonly specs: SpecFact[]
  /** Engines that the harness itself killed. */
  readonly killed: { readonly id: string; readonly at: number }[]
  /** When each lease server last granted or renewed a lease, one list per server. */
  readonly renewals: readonly number[][]
  /** When the store was made to forget. */
  readonly forgot: number[]
  /** Of the leases, ms. */
  readonly ttlMs: number
}

export interface Violation {
  readonly invariant: 'I1' | 'I2' | 'I5' | 'I6' | 'I7' | 'I10' | 'I11' | 'L1' | 'leader'
  readonly at: number
  readonly message: string
}

export function noFacts(leaseServers: number, ttlMs: number): Facts {
  return {
    ...{ engines: [], marks: [], terms: [], writes: [], calls: [] },
    ...{ viewers: [], specs: [], killed: [], forgot: [] },
    renewals: Array.from({ length: leaseServers }, () => []),
    ttlMs,
  }
}

/** The process behind a holder's name. */
export function pidOf(holder: string): number {
  return Number(/:(\d+)(?:-\w+)?$/.exec(holder)?.[1] ?? Number.NaN)
}
