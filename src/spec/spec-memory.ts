import type { AcceptedSpec } from '../store/store.ts'

/** A generation as it ruled here. */
interface Ruled {
  readonly spec: AcceptedSpec
  /** Of the store that held it. */
  readonly incarnation: string
  /** Whether its deletion was asked for. */
  readonly isDying: boolean
}

/** What the store is to be told again. */
export interface Forgotten {
  /** Under the number that it had, or the next one where the store has something else under that. */
  readonly spec: AcceptedSpec
  readonly isDying: boolean
}

/** The generations that ruled here, for a store that may forget them. */
export interface SpecMemory {
  /**
   * What a store of this incarnation has lost. What is gone from the one that held it was deleted, and is not missed;
   * what has a higher number there is later than anything that ruled here.
   */
  forgotten(accepted: ReadonlyMap<string, AcceptedSpec>, incarnation: string): readonly Forgotten[]
  /** Takes note of all that rules now. */
  keep(
    accepted: ReadonlyMap<string, AcceptedSpec>,
    incarnation: string,
    dying: ReadonlySet<string>,
  ): void
}

export function makeSpecMemory(): SpecMemory {
  let ruled: readonly Ruled[] = []
  return {
    forgotten: (accepted, incarnation) =>
      ruled.flatMap(({ spec, isDying, ...held }): Forgotten[] => {
        if (held.incarnation === incarnation) return []
        const now = accepted.get(spec.fleet)
        if (now === undefined) return [{ spec, isDying }]
        if (now.hash === spec.hash || now.generation > spec.generation) return []
        return [{ spec: { ...spec, generation: now.generation + 1 }, isDying }]
      }),
    keep(accepted, incarnation, dying) {
      ruled = [...accepted.values()].map((spec) => {
        return { spec, incarnation, isDying: dying.has(spec.fleet) }
      })
    },
  }
}
