import { describe, expect, it } from 'vitest'
import { engineFleetJsonSchema } from '../../src/spec/json-schema.ts'
import { code, read, rows, section } from './markdown.ts'

/** What the reference has to say of one key. */
interface Entry {
  readonly key: string
  readonly isRequired: boolean
  readonly preset: unknown
  /** The values that an enum or a constant allows. */
  readonly values: readonly string[]
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly const?: string
}

/** Every key of a schema that holds a value of its own, as the reference spells it. */
function entriesOf(schema: Schema, path: string): Entry[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]): Entry[] => {
    const key = `${path}.${name}`
    const isRequired = schema.required?.includes(name) ?? false
    const values = part.enum ?? (part.const === undefined ? [] : [part.const])
    const own = { key: spelled(key), isRequired, preset: part.default, values }
    if (part.items?.properties !== undefined) return [own, ...entriesOf(part.items, `${key}[]`)]
    return part.properties === undefined ? [own] : entriesOf(part, key)
  })
}

const spelled = (key: string) => key.replace(/^\.spec\./, '')

const entries = entriesOf(engineFleetJsonSchema() as Schema, '')
const table = rows(section(read('README.md'), '## Spec reference'))
const told = table.map(([key, type = '', preset = '']) => ({ key: code(key), type, preset }))

function presetText(preset: unknown): string {
  return typeof preset === 'string' ? preset : JSON.stringify(preset)
}

describe('the spec reference in README.md', () => {
  it('has every key, and none that there is not', () => {
    expect(told.map(({ key }) => key).sort()).toEqual(entries.map(({ key }) => key).sort())
  })

  it.each(entries)('gives the values and the default of $key', ({ key, ...entry }) => {
    const row = told.find((each) => each.key === key)
    for (const value of entry.values) expect(row?.type).toContain(`\`${value}\``)
    expect(row?.preset === 'required').toBe(entry.isRequired)
    if (entry.preset !== undefined) expect(row?.preset).toBe(`\`${presetText(entry.preset)}\``)
    else expect(row?.preset).not.toContain('`')
  })
})
