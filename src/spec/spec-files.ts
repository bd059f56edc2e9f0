import { constants } from 'node:fs'
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { SpecProblem } from './problem.ts'

/** A file and what it holds. */
export interface SpecText {
  readonly file: string
  readonly text: string
}

/** One look at one file. Equal stamps and contents mean that nothing was written in between. */
export interface Reading {
  readonly file: string
  /** Inode, size and time of the last change; empty where there is none to read. */
  readonly stamp: string
  /** Unix ms of the last change; 0 where there is none to read. */
  readonly writtenAt: number
  readonly content: { readonly text: string } | { readonly problem: SpecProblem }
}

/** The files that a list of paths stands for, and the paths that stand for none. */
export interface SpecListing {
  readonly files: readonly {
    readonly file: string
    /** The path among those asked for that led to it. */
    readonly root: string
  }[]
  readonly problems: readonly SpecProblem[]
}

/** A hundred fleets fit in; what is bigger is no spec, and YAML of megabytes takes seconds. */
const MAX_BYTES = 256 * 1024

/** Finds the files: a file itself, a folder's `*.yaml` and `*.yml` in order. Hidden files are editors' and Kubernetes'. */
export async function listSpecFiles(paths: readonly string[]): Promise<SpecListing> {
  const problems: SpecProblem[] = []
  const files = new Map<string, SpecListing['files'][number]>()
  for (const path of paths) {
    try {
      const found = (await stat(path)).isDirectory() ? await filesIn(path) : [path]
      if (found.length === 0)
        problems.push(
          about(
            path,
            'missing',
            'holds no *.yaml or *.yml file: put an EngineFleet document there',
          ),
        )
      for (const file of found) {
        const real = await realpath(file).catch(() => file)
        if (!files.has(real)) files.set(real, { file, root: path })
      }
    } catch (error) {
      problems.push(problemOf(path, error))
    }
  }
  return { files: [...files.values()], problems }
}

async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder)
  return names
    .filter((name) => /\.ya?ml$/i.test(name) && !name.startsWith('.'))
    .sort()
    .map((name) => join(folder, name))
}

/** Reads a file once. Never throws. */
export async function readSpecFile(file: string): Promise<Reading> {
  try {
    // A pipe by a spec's name would block a plain open for ever.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat({ bigint: true })
    const stamp = `${stats.ino}:${stats.size}:${stats.mtimeNs}`
    const writtenAt = Number(stats.mtimeMs)
    if (!stats.isFile()) {
      const what = stats.isDirectory() ? 'a folder' : 'no regular file'
      return failed(
        about(file, 'unreadable', `is ${what}: a spec is a text file`),
        stamp,
        writtenAt,
      )
    }
    const bytes = await readAtMost(handle, MAX_BYTES + 1)
    if (bytes.length > MAX_BYTES) {
      const message = `is larger than ${MAX_BYTES / 1024} KiB: split it into several files`
      return failed(about(file, 'unreadable', message), stamp, writtenAt)
    }
    return { file, stamp, writtenAt, content: decode(file, bytes) }
  } catch (error) {
    return failed(problemOf(file, error), '', 0)
  }
}

/** Reads all files of all paths once. */
export async function readSpecFiles(
  paths: readonly string[],
): Promise<{ readonly texts: readonly SpecText[]; readonly problems: readonly SpecProblem[] }> {
  const { files, problems } = await listSpecFiles(paths)
  const readings = await Promise.all(files.map(({ file }) => readSpecFile(file)))
  return {
    texts: readings.flatMap(({ file, content }) =>
      'text' in content ? [{ file, ...content }] : [],
    ),
    problems: [
      ...problems,
      ...readings.flatMap(({ content }) => ('problem' in content ? [content.problem] : [])),
    ],
  }
}

async function readAtMost(handle: FileHandle, limit: number): Promise<Buffer> {
  const buffer = Buffer.alloc(limit)
  let length = 0
  while (length < limit) {
    const { bytesRead } = await handle.read(buffer, length, limit - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

function decode(file: string, bytes: Buffer): Reading['content'] {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    const before = new TextDecoder('utf-8').decode(bytes).split('\uFFFD', 1)[0] ?? ''
    const lines = before.split('\n')
    const place = { line: lines.length, column: (lines.at(-1) ?? '').length + 1 }
    const message = 'is not UTF-8: save the file as UTF-8'
    return { problem: { ...about(file, 'unreadable', message), ...place } }
  }
}

function failed(problem: SpecProblem, stamp: string, writtenAt: number): Reading {
  return { file: problem.file, stamp, writtenAt, content: { problem } }
}

function about(file: string, kind: SpecProblem['kind'], message: string): SpecProblem {
  return { kind, file, path: '', message }
}

function problemOf(file: string, error: unknown): SpecProblem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return about(file, 'missing', 'does not exist: create it, or correct the path')
    case 'EACCES':
    case 'EPERM':
      return about(
        file,
        'unreadable',
        'may not be read: give the user who runs acefleet read permission',
      )
    case 'ELOOP':
      return about(file, 'unreadable', 'is a link that leads back to itself: mend the link')
    default: {
      const reason = error instanceof Error ? error.message : String(error)
      return about(file, 'unreadable', `cannot be read: ${reason}`)
    }
  }
}
