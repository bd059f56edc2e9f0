import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TarEntry } from './tar.ts'

/** Thrown when this machine has not what the stand-ins' root file system is made of. */
class NoNodeRoot extends Error {
  override readonly name = 'NoNodeRoot'
  readonly code = 'STANDIN_NO_NODE_ROOT'
}

const localNode = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url))

/** Where a program goes to in the root, and whence. */
export interface Program {
  readonly path: string
  readonly from: string
}

/** A file that glibc, or the program itself, asks for. */
export type TextFile = readonly [path: string, content: string]

const etc: readonly TextFile[] = [
  ['etc/passwd', 'root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n'],
  ['etc/group', 'root:x:0:\nnogroup:x:65534:\n'],
  // Without it glibc would ask for modules that are not in the image, and never for /etc/hosts.
  ['etc/nsswitch.conf', 'hosts: files dns\n'],
]

/** The files of a root file system that holds Node, bash and their shared libraries, from this machine. */
export async function collectNodeRoot(): Promise<readonly TarEntry[]> {
  const node = realpathSync(existsSync(localNode) ? localNode : process.execPath)
  return await collectRoot([
    { path: 'usr/bin/node', from: node },
    { path: 'usr/bin/bash', from: programOf('bash', 'the health check is made of it') },
  ])
}

/** Programs of this machine with their shared libraries, as a root file system. */
export async function collectRoot(
  programs: readonly Program[],
  texts: readonly TextFile[] = etc,
): Promise<readonly TarEntry[]> {
  const libraries = new Set(
    (await Promise.all(programs.map(({ from }) => librariesOf(from)))).flat(),
  )
  const files: TarEntry[] = [
    ...programs.map((program) => ({ ...program, mode: 0o755 })),
    ...[...libraries].sort().map((library) => ({
      path: library.slice(1),
      mode: 0o755,
      from: realpathSync(library),
    })),
    ...texts.map(([path, content]) => ({ path, mode: 0o644, content })),
  ]
  const directories = new Set(files.flatMap(({ path }) => parents(path)))
  return [
    ...[...directories].sort().map((path) => ({ path, mode: 0o755, isDirectory: true as const })),
    { path: 'tmp', mode: 0o1777, isDirectory: true },
    ...files,
  ]
}

/** The file behind a name in PATH. */
export function programOf(name: string, purpose: string): string {
  if (process.platform !== 'linux') {
    throw new NoNodeRoot(
      `the stand-ins are built from a Linux machine's own files, not ${process.platform}'s`,
    )
  }
  const path = (process.env.PATH ?? '')
    .split(':')
    .map((directory) => `${directory}/${name}`)
    .find((each) => existsSync(each))
  if (path === undefined) throw new NoNodeRoot(`${name} is missing: ${purpose}`)
  return realpathSync(path)
}

async function librariesOf(binary: string): Promise<readonly string[]> {
  try {
    const { stdout } = await promisify(execFile)('ldd', [binary])
    return [...stdout.matchAll(/(\/[^ ]+) \(0x/g)].flatMap((match) => match[1] ?? [])
  } catch (cause) {
    throw new NoNodeRoot(`cannot list the shared libraries of ${binary} with ldd`, { cause })
  }
}

function parents(path: string): readonly string[] {
  const parent = dirname(path)
  return parent === '.' ? [] : [...parents(parent), parent]
}

/** Enough of a large file to tell two builds apart; hashing all 127 MB of Node would take half a second each time. */
const sampleBytes = 1 << 20

/** A hash that changes with the files: whole, or of size, head and tail for large ones. */
export function fingerprint(entries: readonly TarEntry[]): string {
  const hash = createHash('sha256')
  for (const entry of entries) {
    hash.update(`\0${entry.path}\0${entry.mode}\0`)
    if ('content' in entry) hash.update(entry.content)
    if ('from' in entry) hashFile(hash, entry.from)
  }
  return hash.digest('hex').slice(0, 16)
}

function hashFile(hash: ReturnType<typeof createHash>, path: string): void {
  const { size } = statSync(path)
  if (size <= 4 * sampleBytes) {
    hash.update(readFileSync(path))
    return
  }
  const file = openSync(path, 'r')
  const sample = Buffer.alloc(sampleBytes)
  hash.update(`${size}`)
  for (const position of [0, size - sampleBytes]) {
    readSync(file, sample, 0, sampleBytes, position)
    hash.update(sample)
  }
}
