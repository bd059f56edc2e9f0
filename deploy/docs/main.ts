import { writeFile } from 'node:fs/promises'
import { lifecyclePage } from './lifecycle-page.ts'

await writeFile(new URL('../../docs/lifecycle.md', import.meta.url), lifecyclePage())
