import { basename, dirname } from 'node:path'
import type { Clock } from '../time/clock.ts'
import { watchFolders } from './folder-watch.ts'
import { checkSpecs, type LoadedSpecs } from './load.ts'
import { type SpecProblem, sortProblems } from './problem.ts'
import { makeSettler, type Settlement, SUSPECT_MS } from './settle.ts'
import { listSpecFiles, type Reading, readSpecFile } from './spec-files.ts'

/** What the spec files say now. */
export interface SpecSnapshot extends LoadedSpecs {
  /** True when a change was seen while watching; false for the first look at a path. */
  readonly edited: boolean
  /** The files whose change made this snapshot, as `source` names them; none for the first look. */
  readonly editedFiles: readonly string[]
}

export interface SourceOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** How often the files are looked at whether or not the system told of a change. */
  readonly pollMs?: number
}

/** Often enough where a file system tells of nothing, seldom enough to cost nothing. */
const POLL_MS = 2_000
/** Changes come in bursts; one look serves all of one. */
const BURST_MS = 20
/** The first look waits this long for files that are just being written. */
const PATIENCE_MS = 3 * SUSPECT_MS

/**
 * Watches files and folders until the signal is aborted. The first snapshot is what is there, later ones follow
 * changes. A half-written, emptied or moved file goes on counting as it was until it has stood still.
 */
export async function* watchSpecs(
  paths: readonly string[],
  { clock, signal, pollMs = POLL_MS }: SourceOptions,
): AsyncGenerator<SpecSnapshot, void, undefined> {
  const bell = makeBell(clock)
  using folders = watchFolders((folder, name) => {
    if (name === null || isOurs(paths, folder, name)) bell.ring()
  })
  const settler = makeSettler(({ writtenAt }) => clock.now() - writtenAt > SUSPECT_MS)
  const history = makeHistory()
  const startedAt = clock.monotonic()
  let isFirst = true
  while (!signal.aborted) {
    await folders.follow([...new Set(paths.flatMap((path) => [path, dirname(path)]))])
    const sight = await look(paths)
    const settlement = settler.look(sight.readings, clock.monotonic())
    const editedFiles = history.edited(sight, settlement, isFirst)
    const isPatient = clock.monotonic() - startedAt < PATIENCE_MS
    const isWaiting = isFirst && settlement.unsettled.length > 0 && isPatient
    if (!isWaiting && (isFirst || settlement.changed.length > 0) && !signal.aborted) {
      isFirst = false
      yield { ...snapshotOf(settlement), edited: editedFiles.length > 0, editedFiles }
    }
    await bell.wait(Math.min(pollMs, settlement.dueInMs ?? pollMs), signal)
  }
}

interface Look {
  /** By file; what is wrong with a path as a whole by the path. */
  readonly readings: ReadonlyMap<string, Reading>
  /** The path that led to a file. */
  rootOf(file: string): string | undefined
}

async function look(paths: readonly string[]): Promise<Look> {
  const { files, problems } = await listSpecFiles(paths)
  const readings = await Promise.all(files.map(({ file }) => readSpecFile(file)))
  const roots = new Map(files.map(({ file, root }) => [file, root]))
  return {
    readings: new Map([
      ...problems.map((problem): [string, Reading] => [
        problem.file,
        { file: problem.file, stamp: '', writtenAt: 0, content: { problem } },
      ]),
      ...readings.map((reading): [string, Reading] => [reading.file, reading]),
    ]),
    rootOf: (file) => roots.get(file),
  }
}

/**
 * Tells edits from what is read for the first time: files that were there at the first look, and files behind a path
 * that could not be read before. A folder that is mounted late is no edit.
 */
function makeHistory() {
  const known = new Set<string>()
  const unread = new Set<string>()
  return {
    edited: ({ readings, rootOf }: Look, { changed, counted }: Settlement, isFirst: boolean) => {
      for (const file of readings.keys()) {
        const root = rootOf(file)
        const isBehindUnread = root !== undefined && root !== file && unread.has(root)
        if (isFirst || (!known.has(file) && isBehindUnread)) unread.add(file)
        known.add(file)
      }
      for (const path of unread) if (!readings.has(path)) unread.delete(path)
      const edited = isFirst ? [] : changed.filter((file) => !unread.has(file))
      for (const file of changed) {
        const reading = counted.get(file)
        if (reading !== undefined && 'text' in reading.content) unread.delete(file)
      }
      return edited
    },
  }
}

/** Whether a change in a folder may be one of a spec. Kubernetes swaps a mounted folder's `..data`. */
function isOurs(paths: readonly string[], folder: string, name: string): boolean {
  const isInside = paths.includes(folder) && (/\.ya?ml$/i.test(name) || name === '..data')
  return isInside || paths.some((path) => dirname(path) === folder && basename(path) === name)
}

function snapshotOf({ counted, unsettled }: Settlement): LoadedSpecs {
  const readings = [...counted.values()].sort((a, b) => (a.file < b.file ? -1 : 1))
  const problems = [
    ...readings.flatMap(({ content }) => ('problem' in content ? [content.problem] : [])),
    ...unsettled.map(beingWritten),
  ]
  const specs = checkSpecs(
    readings.flatMap(({ file, content }) => ('text' in content ? [{ file, ...content }] : [])),
  )
  return { fleets: specs.fleets, problems: sortProblems([...problems, ...specs.problems]) }
}

function beingWritten(file: string): SpecProblem {
  const message = 'is still being written: it counts as soon as it stands still'
  return { kind: 'unreadable', file, path: '', message }
}

/** Sleep that a ring ends, also one that came before. */
function makeBell(clock: Clock) {
  let hasRung = false
  let wake = () => {}
  return {
    ring: () => {
      hasRung = true
      wake()
    },
    wait: async (ms: number, signal: AbortSignal) => {
      if (!hasRung) {
        const rung = new AbortController()
        wake = () => rung.abort()
        await clock.sleep(ms, AbortSignal.any([signal, rung.signal])).catch(() => {})
      }
      if (hasRung && !signal.aborted) await clock.sleep(BURST_MS, signal).catch(() => {})
      hasRung = false
    },
  }
}
