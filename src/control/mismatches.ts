import type { Glance } from '../store/store.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'

/**
 * So long replicas may differ before it is told, ms. One edit of a shared folder is seen by each of them in its own time:
 * looks every 2 s, 1 s until a file has stood still, announcements every second.
 */
const GRACE_MS = 5_000

/** Hashes are told apart by this much of them. */
const SHORT = 8

/** Most replicas that one message names. */
const MAX_NAMED = 5

export interface MismatchParts {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Hashes of the specs that rule, by fleet. */
  readonly ruling: () => ReadonlyMap<string, string>
  /** What is to be told of a fleet has changed. */
  readonly onChange: () => void
}

/** Who declares fleets otherwise than what rules (condition `SpecMismatch`). */
export interface Mismatches {
  look(glance: Pick<Glance, 'replicas'>): void
  conditions(fleet: string): readonly PlannedCondition[]
}

interface Difference {
  readonly fleet: string
  readonly holder: string
  readonly hash: string
  readonly ruling: string
  readonly source: string
}

function conditionOf(fleet: string, differences: readonly Difference[]): PlannedCondition {
  const ruling = differences[0]?.ruling.slice(0, SHORT)
  const named = differences
    .slice(0, MAX_NAMED)
    .map(({ hash, source, holder }) => `${hash.slice(0, SHORT)} in ${source} of replica ${holder}`)
  const rest = differences.length - named.length
  const message =
    `${ruling} rules, but it is ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}: ` +
    'bring these files into step with what rules, or save one once more to have it rule' +
    ` (acefleet describe fleet ${fleet} shows what rules)`
  return { type: 'SpecMismatch', status: 'True', reason: 'FilesDiffer', message }
}

export function makeMismatches({ clock, ruling, onChange }: MismatchParts): Mismatches {
  /** Since when a difference stands, monotonic ms. */
  let standing: ReadonlyMap<string, number> = new Map()
  let told: ReadonlyMap<string, PlannedCondition> = new Map()

  function differencesIn({ replicas }: Pick<Glance, 'replicas'>): readonly Difference[] {
    const rules = ruling()
    return replicas.flatMap(({ holder, declares }) =>
      Object.entries(declares).flatMap(([fleet, { hash, source }]): Difference[] => {
        const rule = rules.get(fleet)
        return rule === undefined || rule === hash
          ? []
          : [{ fleet, holder, hash, ruling: rule, source }]
      }),
    )
  }

  return {
    look(glance) {
      const now = clock.monotonic()
      const found = differencesIn(glance).map((each) => {
        const key = JSON.stringify([each.fleet, each.holder, each.hash, each.ruling])
        return { ...each, key, since: standing.get(key) ?? now }
      })
      standing = new Map(found.map(({ key, since }) => [key, since]))
      const lasting = found
        .filter(({ since }) => now - since >= GRACE_MS)
        .sort((a, b) => (a.holder < b.holder ? -1 : 1))
      const before = JSON.stringify([...told])
      told = new Map(
        [...Map.groupBy(lasting, ({ fleet }) => fleet)]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([fleet, differences]) => [fleet, conditionOf(fleet, differences)]),
      )
      if (JSON.stringify([...told]) !== before) onChange()
    },
    conditions(fleet) {
      const condition = told.get(fleet)
      return condition === undefined ? [] : [condition]
    },
  }
}
