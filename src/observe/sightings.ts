import type { ContainerId, ContainerSummary } from '../docker/port.ts'
import type { Clock } from '../time/clock.ts'
import { hasProcess } from './rows.ts'

/** What this process saw itself of an engine's beginnings, by its own clock: Docker's may show another time. */
export interface Sighting {
  /** Unix ms of the last look that did not have it; undefined when the first one had. */
  readonly notListedAt: number | undefined
  /** Unix ms of the first look in which it ran, after one in which it did not; undefined when there was none. */
  readonly seenStartingAt: number | undefined
}

/** By the clock that never steps, ms. */
interface Entry {
  readonly notListedAt: number | undefined
  /** `earlier`: it ran already at the first look. */
  startedAt: number | 'earlier' | undefined
}

/** Remembers since when engines are there. */
export interface Sightings {
  /** Takes note of one list. @param askedAt before it was asked for, by the clock that never steps. */
  note(rows: readonly ContainerSummary[], askedAt: number): void
  of(id: ContainerId): Sighting
}

export function makeSightings(clock: Pick<Clock, 'now' | 'monotonic'>): Sightings {
  const entries = new Map<ContainerId, Entry>()
  let lastLookAt: number | undefined

  /** The wall clock may have been set meanwhile: what is told is how long ago it was. */
  const asUnix = (at: number) => clock.now() - (clock.monotonic() - at)

  return {
    note(rows, askedAt) {
      const listed = new Set(rows.map(({ id }) => id))
      for (const id of entries.keys()) if (!listed.has(id)) entries.delete(id)
      for (const row of rows) {
        const entry = entries.get(row.id) ?? { notListedAt: lastLookAt, startedAt: undefined }
        entries.set(row.id, entry)
        if (!hasProcess(row)) entry.startedAt = undefined
        else entry.startedAt ??= lastLookAt === undefined ? 'earlier' : askedAt
      }
      lastLookAt = askedAt
    },
    of(id) {
      const { notListedAt, startedAt } = entries.get(id) ?? {}
      return {
        notListedAt: notListedAt === undefined ? undefined : asUnix(notListedAt),
        seenStartingAt: typeof startedAt === 'number' ? asUnix(startedAt) : undefined,
      }
    },
  }
}
