import type { Mark } from '../../src/store/mark.ts'
import { type NodeNote, shiftNodeNote } from '../../src/store/node-note.ts'
import type { Backoff, FleetMemory, Reservation, RolloutNote } from '../../src/store/store.ts'

type Shift = (ms: number) => number

const shiftMark = (mark: Mark, shift: Shift): Mark => ({
  ...mark,
  at: shift(mark.at),
  deadlineAt: shift(mark.deadlineAt),
  ...(mark.stopAt === undefined ? {} : { stopAt: shift(mark.stopAt) }),
})

const shiftBackoff = (backoff: Backoff, shift: Shift): Backoff => ({
  ...backoff,
  notBefore: shift(backoff.notBefore),
})

const shiftRollout = (note: RolloutNote, shift: Shift): RolloutNote => ({
  ...note,
  lastFailureAt: shift(note.lastFailureAt),
})

const valuesOf = <K, V>(map: ReadonlyMap<K, V>, change: (value: V) => V): ReadonlyMap<K, V> =>
  new Map([...map].map(([key, value]) => [key, change(value)]))

const shiftMemory = (memory: FleetMemory, shift: Shift): FleetMemory => ({
  ...memory,
  bornAt: shift(memory.bornAt),
  marks: valuesOf(memory.marks, (mark) => shiftMark(mark, shift)),
  engines: valuesOf(memory.engines, (note) => ({ firstReadyAt: shift(note.firstReadyAt) })),
  streams: valuesOf(memory.streams, (load) =>
    load.lastBytesAt === 0 ? load : { ...load, lastBytesAt: shift(load.lastBytesAt) },
  ),
  backoff: valuesOf(memory.backoff, (backoff) => shiftBackoff(backoff, shift)),
  rollout: memory.rollout && shiftRollout(memory.rollout, shift),
  nodes: valuesOf(memory.nodes, (note) => shiftNodeNote(note, shift)),
})

/** Which argument of a method holds instants, and how to shift them. */
const ARGUMENTS: Readonly<
  Record<string, readonly [number, (value: unknown, shift: Shift) => unknown]>
> = {
  readFleet: [1, (nowMs, shift) => shift(nowMs as number)],
  mark: [1, (mark, shift) => shiftMark(mark as Mark, shift)],
  noteReady: [3, (at, shift) => shift(at as number)],
  setBackoff: [3, (backoff, shift) => backoff && shiftBackoff(backoff as Backoff, shift)],
  setRollout: [2, (note, shift) => note && shiftRollout(note as RolloutNote, shift)],
  setNodeNote: [3, (note, shift) => note && shiftNodeNote(note as NodeNote, shift)],
  reserve: [
    1,
    (wanted, shift) => {
      const reservation = wanted as Reservation
      const { expiresAt, lastBytesAt } = reservation
      return {
        ...reservation,
        expiresAt: shift(expiresAt),
        lastBytesAt: lastBytesAt === 0 ? 0 : shift(lastBytesAt),
      }
    },
  ],
}

/** Times in the store are its own, whatever its client's clock shows: both ways, as the store on Redis has it. */
export function serverTime(aheadMs: number) {
  return {
    sent(method: string, args: readonly unknown[]): readonly unknown[] {
      const [place, change] = ARGUMENTS[method] ?? []
      if (aheadMs === 0 || place === undefined || change === undefined) return args
      return args.with(
        place,
        change(args[place], (ms) => ms - aheadMs),
      )
    },
    heard(method: string, result: unknown): unknown {
      if (aheadMs === 0) return result
      const shift: Shift = (ms) => ms + aheadMs
      if (method === 'readFleet') return shiftMemory(result as FleetMemory, shift)
      return method === 'mark' ? shiftMark(result as Mark, shift) : result
    },
  }
}
