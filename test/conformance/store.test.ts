import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { openEmbeddedBench } from './store/embedded-bench.ts'
import { describeStore } from './store.ts'

const root = mkdtempSync(join(tmpdir(), 'acefleet-store-'))
afterAll(() => rmSync(root, { recursive: true }))

describeStore('embedded, in memory', (age) => openEmbeddedBench(':memory:', age))

describeStore('embedded, in a file', (age) => openEmbeddedBench(join(root, randomUUID()), age))
