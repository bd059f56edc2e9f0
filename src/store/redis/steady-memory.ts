import type { Clock } from '../../time/clock.ts'
import type { Mark } from '../mark.ts'
import type { FleetMemory } from '../store.ts'

/** What two clocks may differ by before one of them is taken to have been set, ms: more than a connection is ever wrong about them. */
const TOLERANCE_MS = 500

/** An instant of the store's, and how long ago this process knows it to be. */
interface Known {
  readonly toldAt: number
  readonly agoMs: number
  /** Monotonic ms at which that was so. */
  readonly since: number
}

/** Knows by the clock that never steps how long ago things were that a store keeps by one that may be set. */
export interface SteadyMemory {
  /** Answers what is read, its instants as this process's wall clock would have shown them had no clock been set. */
  readFleet(fleet: string, read: () => Promise<FleetMemory>): Promise<FleetMemory>
  /** Takes note of when a mark is written. */
  mark(fleet: string, mark: Mark, write: () => Promise<Mark>): Promise<Mark>
}

interface FleetTime {
  known: ReadonlyMap<string, Known>
  /** Monotonic ms at which the latest look at the store was asked for that has been answered. */
  lookedAt: number
}

const markKey = (id: string) => `mark ${id}`
const bytesKey = (id: string) => `bytes ${id}`

/**
 * The clock of the store's server, or that of the whole machine, may be set at any time. A drain that ends by it would
 * end too soon, or last for hours; a new store would seem old, streams silent (I5). What this process has watched it
 * knows better: so long ago something is as its own monotonic clock has run since it was first seen, and what an
 * earlier look did not show is younger than that look. Only of what was there before its first look it believes the
 * wall clock. An instant that is told anew counts from there, if that is later.
 */
export function makeSteadyMemory(clock: Pick<Clock, 'now' | 'monotonic'>): SteadyMemory {
  const fleets = new Map<string, FleetTime>()

  function timeOf(fleet: string): FleetTime {
    const time = fleets.get(fleet) ?? { known: new Map(), lookedAt: -Infinity }
    fleets.set(fleet, time)
    return time
  }

  function correct(memory: FleetMemory, time: FleetTime): FleetMemory {
    const [now, monotonic] = [clock.now(), clock.monotonic()]
    const known = new Map<string, Known>()

    /** How far an instant must be moved to be as long ago as it truly is, ms. */
    function shiftOf(key: string, toldAt: number): number {
      const seemsMs = now - toldAt
      const before = time.known.get(key)
      const grownMs = before && before.agoMs + monotonic - before.since
      const agoMs =
        before?.toldAt === toldAt
          ? (grownMs ?? 0)
          : Math.min(Math.max(0, seemsMs), grownMs ?? monotonic - time.lookedAt)
      known.set(key, { toldAt, agoMs, since: monotonic })
      return Math.abs(seemsMs - agoMs) <= TOLERANCE_MS ? 0 : seemsMs - agoMs
    }

    const marks = [...memory.marks].map(
      ([id, mark]) => [id, moved(mark, shiftOf(markKey(id), mark.at))] as const,
    )
    const streams = [...memory.streams].map(([id, load]) => {
      const { lastBytesAt } = load
      if (lastBytesAt === 0) return [id, load] as const
      return [
        id,
        { ...load, lastBytesAt: lastBytesAt + shiftOf(bytesKey(id), lastBytesAt) },
      ] as const
    })
    const bornAt = memory.bornAt + shiftOf(`birth ${memory.incarnation}`, memory.bornAt)
    time.known = known
    return { ...memory, bornAt, marks: new Map(marks), streams: new Map(streams) }
  }

  return {
    async readFleet(fleet, read) {
      const askedAt = clock.monotonic()
      const memory = await read()
      const time = timeOf(fleet)
      const corrected = correct(memory, time)
      time.lookedAt = Math.max(time.lookedAt, askedAt)
      return corrected
    },
    async mark(fleet, mark, write) {
      const time = timeOf(fleet)
      const key = markKey(mark.containerId)
      if (!time.known.has(key)) {
        const agoMs = Math.max(0, clock.now() - mark.at)
        const written = { toldAt: mark.at, agoMs, since: clock.monotonic() }
        time.known = new Map([...time.known, [key, written]])
      }
      return await write()
    },
  }
}

function moved(mark: Mark, byMs: number): Mark {
  if (byMs === 0) return mark
  const { at, deadlineAt, stopAt } = mark
  return {
    ...mark,
    at: at + byMs,
    deadlineAt: deadlineAt + byMs,
    ...(stopAt === undefined ? {} : { stopAt: stopAt + byMs }),
  }
}
