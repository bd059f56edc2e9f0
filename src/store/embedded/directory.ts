import { accessSync, constants, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { asStoreFault } from './fault.ts'

/**
 * Makes the data directory when absent, and finds out at once that it, or the file in it, cannot be written: of a
 * read-only filesystem SQLite itself would only say `disk I/O error`. Answers the file's path.
 * @throws {StoreUnavailable}
 */
export function prepareFile(dir: string, name: string): string {
  const file = join(dir, name)
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    accessSync(dir, constants.W_OK | constants.X_OK)
    accessIfThere(file)
    return file
  } catch (error) {
    throw asStoreFault(error, file)
  }
}

function accessIfThere(file: string): void {
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}
