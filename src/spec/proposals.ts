import { REPLICA_TTL_MS } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import type { LoadedFleet } from './load.ts'
import type { SpecSnapshot } from './source.ts'

/**
 * A replica that has ended counts among the living for a while, with its files. A file that was outvoted is asked about
 * again until those are gone, ms.
 */
const OUTVOTED_MS = REPLICA_TTL_MS + 2_000

/** What this process's files have to propose, and what has been decided on it. */
export interface Proposals {
  /** By fleet, the hash that a watched edit brought and that has not become a generation yet. */
  readonly edits: ReadonlyMap<string, string>
  note(snapshot: SpecSnapshot): void
  /** Whether nothing has been decided yet on what the file says: a file proposes once, unless it is edited. */
  isFresh(candidate: LoadedFleet): boolean
  /** It rules: an edit has been decided on, too. */
  ruled(candidate: LoadedFleet): void
  /** It is an earlier generation: from now on only an edit makes it rule, also when the store forgets that it was one. */
  hasRuled(candidate: LoadedFleet): void
  /** It lost against what the others declare. */
  outvoted(candidate: LoadedFleet): void
}

export function makeProposals(clock: Pick<Clock, 'monotonic'>): Proposals {
  const edits = new Map<string, string>()
  const spent = new Map<string, string>()
  const lost = new Map<string, { readonly hash: string; readonly since: number }>()
  return {
    edits,
    note(snapshot) {
      for (const { fleet, hash, source } of snapshot.fleets)
        if (snapshot.editedFiles.includes(source)) edits.set(fleet.name, hash)
    },
    isFresh({ fleet: { name }, hash }) {
      const before = lost.get(name)
      const isLost = before?.hash === hash && clock.monotonic() - before.since > OUTVOTED_MS
      return !isLost && spent.get(name) !== hash
    },
    ruled({ fleet, hash }) {
      spent.set(fleet.name, hash)
      if (edits.get(fleet.name) === hash) edits.delete(fleet.name)
    },
    hasRuled({ fleet, hash }) {
      spent.set(fleet.name, hash)
    },
    outvoted({ fleet: { name }, hash }) {
      if (lost.get(name)?.hash !== hash) lost.set(name, { hash, since: clock.monotonic() })
    },
  }
}
