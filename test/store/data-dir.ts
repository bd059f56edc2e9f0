import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { openEmbeddedStore } from '../../src/store/embedded/open.ts'
import { StoreUnavailable } from '../../src/store/errors.ts'
import type { Store } from '../../src/store/store.ts'
import { T0 } from '../conformance/store/sample.ts'

/** Processes start slowly on a busy machine. */
export const PATIENCE_MS = 120_000

/** A directory of each test's own, gone afterwards. */
export function useDataDir(): { readonly path: string } {
  let path = ''
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'acefleet-data-'))
  })
  afterEach(() => rmSync(path, { recursive: true, force: true }))
  return {
    get path() {
      return path
    },
  }
}

/** Opens the store of a directory; a new one's incarnation is `name`. */
export function open(dir: string, name = 'first'): Promise<Store> {
  return openEmbeddedStore({ dir, clock: { now: () => T0, monotonic: () => 0 }, newId: () => name })
}

/** The message with which a call is refused as StoreUnavailable. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreUnavailable)
  return error instanceof Error ? error.message : ''
}
