import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadSpecs } from '../../src/spec/load.ts'
import { formatProblems } from '../../src/spec/problem.ts'
import { VARIANTS } from '../../src/spec/schema.ts'

const specs = new URL('../../specs', import.meta.url).pathname
const files = [specs, join(specs, 'examples')].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(folder, name)),
)

describe('the specs of this repository', () => {
  it.each(files)('%s is valid by itself, and names the schema for editors', async (file) => {
    const { fleets, problems } = await loadSpecs([file])
    expect(formatProblems(problems)).toBe('')
    expect(fleets).toHaveLength(1)
    const [, schema = ''] =
      /^# yaml-language-server: \$schema=(.*)\n/.exec(readFileSync(file, 'utf8')) ?? []
    expect(existsSync(resolve(dirname(file), schema))).toBe(true)
  })

  it('are valid beside each other', async () => {
    const { fleets, problems } = await loadSpecs([specs, join(specs, 'examples')])
    expect(formatProblems(problems)).toBe('')
    expect(fleets).toHaveLength(files.length)
  })

  it('show every VPN mode and every image preset', async () => {
    const { fleets } = await loadSpecs([join(specs, 'examples')])
    expect(new Set(fleets.map(({ fleet }) => fleet.vpn.mode))).toEqual(
      new Set(['none', 'single', 'redundant']),
    )
    expect(new Set(fleets.map(({ fleet }) => fleet.engine.variant))).toEqual(new Set(VARIANTS))
  })
})
