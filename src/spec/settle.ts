import { checkSpecs } from './load.ts'
import type { Reading } from './spec-files.ts'

/** A whole write is over in a blink; editors that replace a file take a few of them. */
export const DEBOUNCE_MS = 150
/** What looks like half a file gets time to become a whole one. */
export const SUSPECT_MS = 1_000

/** What is known of a set of files once they have been looked at again. */
export interface Settlement {
  /** The newest reading of every file that has stood still long enough to count. */
  readonly counted: ReadonlyMap<string, Reading>
  /** Files whose counted reading is another one than before, vanished ones included. */
  readonly changed: readonly string[]
  /** Files that have never stood still since they were first seen. */
  readonly unsettled: readonly string[]
  /** ms until the next file may count; undefined when all do. */
  readonly dueInMs: number | undefined
}

/**
 * Lets a file count only when it has not changed for a while: {@link DEBOUNCE_MS}, or {@link SUSPECT_MS} when it
 * looks half-written or is gone. Until then what counted before goes on counting.
 */
export interface Settler {
  /** `nowMs` never steps back. */
  look(readings: ReadonlyMap<string, Reading>, nowMs: number): Settlement
}

interface Sighting {
  /** Undefined when the file was gone. */
  readonly reading: Reading | undefined
  readonly since: number
  readonly waitMs: number
}

/** `isOld` says of readings of the very first look that they were written long enough ago. */
export function makeSettler(isOld: (reading: Reading) => boolean): Settler {
  const counted = new Map<string, Reading>()
  const sightings = new Map<string, Sighting>()
  let isFirst = true
  return {
    look: (readings, nowMs) => {
      const changed: string[] = []
      const waits: number[] = []
      for (const file of new Set([...readings.keys(), ...sightings.keys(), ...counted.keys()])) {
        const reading = readings.get(file)
        const before = counted.get(file)
        if (isSame(reading, before)) {
          sightings.delete(file)
          continue
        }
        const sighting = sight(sightings.get(file), reading, before, nowMs)
        const leftMs =
          isFirst && reading !== undefined && isOld(reading)
            ? 0
            : sighting.since + sighting.waitMs - nowMs
        if (leftMs > 0) {
          sightings.set(file, sighting)
          waits.push(leftMs)
        } else {
          sightings.delete(file)
          changed.push(file)
          if (reading === undefined) counted.delete(file)
          else counted.set(file, reading)
        }
      }
      isFirst = false
      return {
        counted: new Map(counted),
        changed,
        unsettled: [...sightings.keys()].filter((file) => !counted.has(file)),
        dueInMs: waits.length === 0 ? undefined : Math.min(...waits),
      }
    },
  }
}

function sight(
  last: Sighting | undefined,
  reading: Reading | undefined,
  before: Reading | undefined,
  nowMs: number,
): Sighting {
  if (last !== undefined && isSame(last.reading, reading)) return last
  const waitMs = looksWhole(reading, before) ? DEBOUNCE_MS : SUSPECT_MS
  return { reading, since: nowMs, waitMs }
}

function isSame(a: Reading | undefined, b: Reading | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.stamp === b.stamp && textOf(a) === textOf(b)
}

/** What a reading has shown: the text, or why there is none. */
function textOf({ content }: Reading): string {
  return 'text' in content ? content.text : `\0${content.problem.message}`
}

/** Whether nothing about a reading reminds of a file that is being written, moved or cut short. */
function looksWhole(reading: Reading | undefined, before: Reading | undefined): boolean {
  if (reading === undefined || !('text' in reading.content)) return false
  const { text } = reading.content
  if (!text.endsWith('\n')) return false
  if (checkSpecs([{ file: reading.file, text }]).problems.length > 0) return false
  if (before === undefined || !('text' in before.content)) return true
  const earlier = before.content.text
  const isShorter = lineCount(text) < lineCount(earlier) || earlier.startsWith(text)
  // Saved again without a change, a file is its own beginning.
  return text === earlier || !isShorter
}

function lineCount(text: string): number {
  return text.split('\n').length
}
