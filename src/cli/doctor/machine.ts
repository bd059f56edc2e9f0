import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { holdDataDir } from '../../lease/data-dir.ts'
import { DataDirHeld } from '../../store/errors.ts'
import type { LookOptions } from '../run-options.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** As package.json's `engines` says: earlier ones do not know `using`, and not all of them types. */
const LEAST_NODE = 24

const MIB = 1024 * 1024
/** The embedded store grows to some 10 MiB; below this SQLite's journal may not fit. */
const DISK_FAIL_BYTES = 50 * MIB
const DISK_WARN_BYTES = 500 * MIB

/** Whether this Node runs acefleet. */
export function checkNode(version: string): Finding {
  const major = Number(version.replace(/^v/, '').split('.')[0])
  if (major >= LEAST_NODE) return ok('Node', version)
  const mend = `install Node ${LEAST_NODE}, or start it by npm, which brings one along`
  return fail('Node', `${version} is too old, ${LEAST_NODE} is the least`, mend)
}

async function nearestExisting(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined)
  const parent = dirname(path)
  return found !== undefined || parent === path ? path : nearestExisting(parent)
}

async function checkDisk(dir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(dir)
  const free = bavail * bsize
  const text = `${Math.floor(free / MIB)} MiB free for ${dir}`
  if (free < DISK_FAIL_BYTES) return fail('disk', text, 'free some, or choose another --data DIR')
  return free < DISK_WARN_BYTES ? warn('disk', text, 'free some soon') : ok('disk', text)
}

function lookAtHolder(options: LookOptions, hasServer: boolean, now: number): Finding {
  const { dataDir: dir, hostname } = options
  try {
    using _lock = holdDataDir(dir, {
      host: hostname,
      pid: process.pid,
      since: now,
      command: 'acefleet doctor',
    })
    return ok('data directory', `${dir} can be written and is free`)
  } catch (error) {
    if (!(error instanceof DataDirHeld)) throw error
    if (hasServer) return ok('data directory', `${dir} is in use, as it should be by a server`)
    return warn('data directory', error.message)
  }
}

/** Whether the data directory can be used, by whom it is used, and whether there is room. */
export async function checkDataDir(
  options: LookOptions,
  hasServer: boolean,
  now: number,
): Promise<readonly Finding[]> {
  const dir = resolve(options.dataDir)
  const existing = await nearestExisting(dir)
  const disk = await checkDisk(existing)
  // Looking must leave nothing behind: a directory that is not there yet is not made.
  if (existing === dir) return [lookAtHolder(options, hasServer, now), disk]
  try {
    await access(existing, constants.W_OK | constants.X_OK)
    return [ok('data directory', `${dir} is not there yet, and can be made`), disk]
  } catch {
    const mend = 'give it another place with --data DIR, or the right to write there'
    return [
      fail('data directory', `${dir} cannot be made: no right to write ${existing}`, mend),
      disk,
    ]
  }
}
