import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lifecycle } from '../../src/lifecycle/machine.ts'
import { lifecyclePage, SAYINGS } from './lifecycle-page.ts'

const root = new URL('../../', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')

describe('docs/lifecycle.md', () => {
  it('is what `npm run docs` makes of the machine', () => {
    expect(read('docs/lifecycle.md')).toBe(lifecyclePage())
  })

  it('names the one part of the plan that says each event', () => {
    const sources = readdirSync(new URL('src/plan/', root))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => ({ file: `src/plan/${file}`, text: read(`src/plan/${file}`) }))
    for (const event of Object.keys(SAYINGS) as (keyof typeof SAYINGS)[]) {
      const saying = new RegExp(`(event: |verdict\\(\\s*|step\\('\\w+', )'${event}'`)
      const owners = sources.filter(({ text }) => saying.test(text)).map(({ file }) => file)
      expect({ event, owners }).toEqual({ event, owners: [SAYINGS[event].file] })
    }
    expect(Object.keys(SAYINGS).sort()).toEqual([...lifecycle.events].sort())
  })
})
