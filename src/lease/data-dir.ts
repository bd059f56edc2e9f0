import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { prepareFile } from '../store/embedded/directory.ts'
import { asStoreFault, isBusy } from '../store/embedded/fault.ts'
import { DataDirHeld } from '../store/errors.ts'
import { LeaseLost } from './lease.ts'

/** Who holds a data directory, for the people who look for it. */
export interface HolderIdentity {
  readonly host: string
  readonly pid: number
  /** Unix ms. */
  readonly since: number
  /** As typed: `acefleet run --spec specs`. */
  readonly command: string
}

/**
 * A data directory held by this process. The kernel's lock belongs to the process: it goes when the process does, however
 * that happens, and does not lapse while the process is stopped or the machine sleeps, so nothing has to be renewed.
 * Local filesystems only: NFS, SMB and FUSE may forget or never take such locks.
 */
export interface DataDirLock extends Disposable {
  readonly dir: string
  /**
   * Also notices that the lock's file was removed or replaced, whereupon others could hold the new one. About 3 µs.
   * @throws {LeaseLost}
   */
  assertHeld(): void
  /** Aborted when the directory was let go or assertHeld found it lost. It never comes back: restart the process. */
  readonly lost: AbortSignal
}

const LOCK_FILE = 'lock.db'
const HOLDER_FILE = 'lock.json'

const identitySchema = z.object({
  host: z.string(),
  pid: z.number(),
  since: z.number(),
  command: z.string(),
})

function readHolder(dir: string): string {
  try {
    const text = readFileSync(join(dir, HOLDER_FILE), 'utf8')
    const { host, pid, since, command } = identitySchema.parse(JSON.parse(text))
    return `pid ${pid} on ${host} since ${new Date(since).toISOString()} (${command})`
  } catch {
    return `another process (${HOLDER_FILE} does not say which)`
  }
}

/** Names the holder to whoever is refused. A courtesy: on a full disk the lock is held all the same, by nobody known. */
function writeHolder(dir: string, identity: HolderIdentity): void {
  const file = join(dir, HOLDER_FILE)
  const fresh = `${file}.new`
  try {
    writeFileSync(fresh, `${JSON.stringify(identity)}\n`, { mode: 0o600 })
    renameSync(fresh, file)
  } catch {
    removeQuietly(fresh)
    removeQuietly(file)
  }
}

function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // A stale name is harmless: only the lock itself decides.
  }
}

interface Held {
  readonly database: DatabaseSync
  /** The file that was locked, by device and inode: its path may come to name another. */
  readonly fileIdentity: string
}

function fileIdentity(file: string): string {
  const found = statSync(file, { bigint: true })
  return `${found.dev}:${found.ino}`
}

/**
 * An open transaction that nobody else can begin. No journal file, for nothing is ever written: it works on a full disk.
 * **Nothing** else in this process may open the file, not even to read it: POSIX drops a process's locks on a file when
 * any of its descriptors for it is closed. SQLite's own connections know of each other and are safe.
 */
function lockExclusively(file: string): Held {
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return { database, fileIdentity: fileIdentity(file) }
  } catch (error) {
    database.close()
    throw error
  }
}

function takeLock(dir: string): Held {
  const file = prepareFile(dir, LOCK_FILE)
  try {
    return lockExclusively(file)
  } catch (error) {
    if (!isBusy(error)) throw asStoreFault(error, file)
    throw new DataDirHeld(
      `the data directory ${dir} is held by ${readHolder(dir)}: stop that one, or give this one ` +
        'a directory of its own with --data DIR',
      { cause: error },
    )
  }
}

/**
 * Takes a data directory for this process, for as long as it lives or until disposed; the directory is made when absent.
 * @throws {DataDirHeld} naming the holder, when another has it.
 * @throws {StoreUnavailable} when the directory cannot be used.
 */
export function holdDataDir(dir: string, identity: HolderIdentity): DataDirLock {
  const { database, fileIdentity: held } = takeLock(dir)
  const file = join(dir, LOCK_FILE)
  const lost = new AbortController()
  writeHolder(dir, identity)

  function standsStill(): boolean {
    try {
      return fileIdentity(file) === held
    } catch {
      return false
    }
  }

  return {
    dir,
    lost: lost.signal,
    assertHeld() {
      if (!lost.signal.aborted && !standsStill()) {
        lost.abort(
          new LeaseLost(
            `${file} was removed or replaced while in use: restart acefleet to hold it anew`,
          ),
        )
      }
      if (lost.signal.aborted) throw lost.signal.reason
    },
    [Symbol.dispose]() {
      if (!database.isOpen) return
      // Before the lock goes: afterwards the file may be the next holder's.
      if (standsStill()) removeQuietly(join(dir, HOLDER_FILE))
      if (!lost.signal.aborted) lost.abort(new LeaseLost(`the data directory ${dir} was let go`))
      database.close()
    },
  }
}
