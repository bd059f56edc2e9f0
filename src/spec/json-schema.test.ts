import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { engineFleetJsonSchema, printJsonSchema } from './json-schema.ts'

const file = new URL('../../specs/engine-fleet.schema.json', import.meta.url)

interface Node {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
}

describe('specs/engine-fleet.schema.json', () => {
  it('is what the schema says: acefleet schema > specs/engine-fleet.schema.json brings it up to date', () => {
    expect(readFileSync(file, 'utf8')).toBe(printJsonSchema())
  })

  it('describes every value of a spec, for editors to show', () => {
    const undescribed: string[] = []
    const visit = (node: Node, path: string) => {
      for (const [key, child] of Object.entries(node.properties ?? {})) {
        if (child.description === undefined) undescribed.push(`${path}.${key}`)
        visit(child, `${path}.${key}`)
      }
      if (node.items !== undefined) visit(node.items, `${path}[]`)
    }
    visit(engineFleetJsonSchema() as Node, '')
    expect(undescribed).toEqual([])
  })
})
