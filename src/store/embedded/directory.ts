import { accessSync, constants, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asStoreFault } from './fault.ts'

/**
 * Makes the data directory when absent, and finds out at once that it, or the file in it, cannot be written: of a
 * read-only filesystem SQLite itself would only say `disk I/O error`. Answers the file's path.
 * @throws {StoreUnavailable}
 */
export function prepareFile(dir: string, name: string): string {
  const file = join(dir, name)
  try {
    makeDirectory(dir)
    accessSync(dir, constants.W_OK | constants.X_OK)
    accessIfThere(file)
    return file
  } catch (error) {
    throw asStoreFault(error, file)
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** Not mkdir's own `recursive`: where a filesystem answers ENOENT though the parent is there (/proc), that never ends. */
function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return
    if (!hasCode(error, 'ENOENT') || dirname(dir) === dir) throw error
    makeDirectory(dirname(dir))
    mkdirSync(dir, { mode: 0o700 })
  }
}

function accessIfThere(file: string): void {
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
}
