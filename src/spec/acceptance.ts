import { StoreUnavailable } from '../store/errors.ts'
import type { AcceptedSpec, Store } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import { decideSpecs, type SpecDecision } from './decision.ts'
import type { SpecProblem } from './problem.ts'
import type { SpecSnapshot } from './source.ts'

/** The part of the store that remembers specs. */
export type SpecStore = Pick<Store, 'acceptedSpecs' | 'generationsOf' | 'acceptSpec'>

/** What is to run from now on. */
export interface Acceptance extends Pick<SpecDecision, 'fleets' | 'unreadable'> {
  /** Generations that this very call has added. */
  readonly accepted: readonly AcceptedSpec[]
  /** Everything wrong with the files, beside what already runs included. */
  readonly problems: readonly SpecProblem[]
}

/** Turns snapshots of the spec files into generations in the store. */
export interface SpecAcceptor {
  /**
   * Decides on the newest snapshot and keeps what it accepts. May be repeated with the same snapshot at any time, to
   * retry after an error or to see what another process has accepted; an edit stays an edit until it is decided on.
   * @throws {StoreUnavailable} and has forgotten nothing.
   */
  apply(snapshot: SpecSnapshot): Promise<Acceptance>
}

/** Each lost race means that another process has accepted something; so many in a row are no race any more. */
const MAX_RACES = 10

export function makeSpecAcceptor(store: SpecStore, clock: Pick<Clock, 'now'>): SpecAcceptor {
  // By fleet, the hash that a watched edit has brought and that nothing has been decided on yet.
  const edits = new Map<string, string>()
  let latest: SpecSnapshot | undefined
  return {
    apply: async (snapshot) => {
      if (snapshot !== latest) noteEdits(edits, snapshot)
      latest = snapshot
      const added: AcceptedSpec[] = []
      for (let race = 0; race < MAX_RACES; race++) {
        const decision = decideSpecs({
          snapshot,
          edits,
          now: clock.now(),
          ...(await remembered(store, snapshot)),
        })
        if (!(await acceptAll(store, decision.accept, added))) continue
        for (const { fleet, hash } of decision.fleets) {
          if (edits.get(fleet.name) === hash) edits.delete(fleet.name)
        }
        return {
          fleets: decision.fleets,
          unreadable: decision.unreadable,
          accepted: added,
          problems: [...snapshot.problems, ...decision.problems],
        }
      }
      throw new StoreUnavailable(`specs were accepted elsewhere ${MAX_RACES} times in a row`)
    },
  }
}

function noteEdits(edits: Map<string, string>, snapshot: SpecSnapshot): void {
  for (const { fleet, hash, source } of snapshot.fleets) {
    if (snapshot.editedFiles.includes(source)) edits.set(fleet.name, hash)
  }
}

async function remembered(store: SpecStore, snapshot: SpecSnapshot) {
  const accepted = new Map((await store.acceptedSpecs()).map((spec) => [spec.fleet, spec]))
  const changed = snapshot.fleets.filter(({ fleet, hash }) => {
    const hashNow = accepted.get(fleet.name)?.hash
    return hashNow !== undefined && hashNow !== hash
  })
  const generations = await Promise.all(
    changed.map(
      async ({ fleet, hash }): Promise<[string, readonly number[]]> => [
        fleet.name,
        await store.generationsOf(fleet.name, hash),
      ],
    ),
  )
  return { accepted, generations: new Map(generations) }
}

/** False when another process has added a generation in between; `added` holds what went in all the same. */
async function acceptAll(
  store: SpecStore,
  specs: readonly AcceptedSpec[],
  added: AcceptedSpec[],
): Promise<boolean> {
  for (const spec of specs) {
    if (!(await store.acceptSpec(spec))) return false
    added.push(spec)
  }
  return true
}
