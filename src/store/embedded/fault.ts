import { dirname, join } from 'node:path'
import { ZodError } from 'zod'
import { StoreUnavailable } from '../errors.ts'

/** SQLite's primary result codes that mean something to the person who has to mend it. */
const BUSY = 5
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const NOTADB = 26

interface SqliteError extends Error {
  readonly errcode: number
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
}

/** The primary result code; extended codes keep theirs in the upper bits. Undefined for what SQLite did not throw. */
function sqliteCode(error: unknown): number | undefined {
  return isSqliteError(error) ? error.errcode & 0xff : undefined
}

/** Whether another connection holds the database. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY
}

/** Whether the connection should not be trusted after this error: the next call had better open a new one. */
export function poisons(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === IOERR || code === CORRUPT || code === NOTADB
}

/** How to start afresh without losing evidence: the write-ahead log must move with its database. */
function moveAside(file: string): string {
  const aside = join(dirname(file), 'damaged')
  return (
    `Nothing was deleted. To start afresh: stop acefleet, run \`mkdir ${aside} && mv ${file}* ${aside}/\`, ` +
    'start it again; engines keep running and are adopted, but drains, history and accepted generations are lost'
  )
}

/** What a file that is not whole is answered with. */
export function damaged(file: string, said: string): StoreUnavailable {
  return new StoreUnavailable(`store unavailable: ${file} is damaged (${said}). ${moveAside(file)}`)
}

function explain(code: number, file: string, said: string): string {
  switch (code) {
    case FULL:
      return `the disk under ${file} is full: free some space, acefleet goes on by itself`
    case READONLY:
      return (
        `${file} cannot be written: let the user that runs acefleet write it and its directory, ` +
        'and see that the filesystem is not mounted read-only'
      )
    case CANTOPEN:
      return (
        `${file} cannot be opened: see that ${dirname(file)} exists, is a directory and ` +
        'can be written by the user that runs acefleet'
      )
    case IOERR:
      return (
        `reading or writing ${file} failed (${said}): look at the disk, its quota and the kernel log; ` +
        'acefleet goes on by itself when writing works again'
      )
    case CORRUPT:
    case NOTADB:
      return `${file} is damaged (${said}). ${moveAside(file)}`
    case BUSY:
      return `${file} is locked by another program: close it there; acefleet goes on by itself`
    default:
      return `${file}: ${said}`
  }
}

/** Turns whatever using the data directory threw into what callers decide on; mistakes of ours pass unchanged. */
export function asStoreFault(error: unknown, file: string): unknown {
  if (isSqliteError(error)) {
    const message = explain(error.errcode & 0xff, file, error.message)
    return new StoreUnavailable(`store unavailable: ${message}`, { cause: error })
  }
  if (error instanceof ZodError || error instanceof SyntaxError) {
    return new StoreUnavailable(
      `store unavailable: ${file} holds a record that cannot be read. ${moveAside(file)}`,
      { cause: error },
    )
  }
  if (error instanceof Error && 'syscall' in error) {
    return new StoreUnavailable(
      `store unavailable: the data directory ${dirname(file)} cannot be used (${error.message}): ` +
        'see that it is a directory on a disk with room and that the user that runs acefleet can write it, ' +
        'or choose another with --data DIR',
      { cause: error },
    )
  }
  return error
}
