import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { openEmbeddedStore } from '../../src/store/embedded/open.ts'
import { systemClock } from '../../src/time/clock.ts'
import { describeStore } from './store.ts'

const root = mkdtempSync(join(tmpdir(), 'acefleet-store-'))
afterAll(() => rmSync(root, { recursive: true }))

describeStore('embedded, in memory', () =>
  openEmbeddedStore({ dir: ':memory:', clock: systemClock, newId: randomUUID }),
)

describeStore('embedded, in a file', () =>
  openEmbeddedStore({ dir: join(root, randomUUID()), clock: systemClock, newId: randomUUID }),
)
