import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { code, read, rows, section } from './markdown.ts'

const constants = rows(section(read('docs/architecture.md'), '## Time')).map(([name, where]) => ({
  constant: code(name),
  file: join('docs', /\]\(([^)]+)\)/.exec(where ?? '')?.[1] ?? ''),
}))

describe('docs/architecture.md', () => {
  it.each(constants)('gives $constant as the code does', ({ constant, file }) => {
    const declared = read(file).match(/(?<=^(export )?const ).+/gm)
    expect(declared).toContain(constant)
  })

  it('has a table of them', () => {
    expect(constants.length).toBeGreaterThan(20)
  })
})
