import { describe, expect, it } from 'vitest'
import { code, read, rows, section } from './markdown.ts'

const page = read('docs/operations.md')

/** The members of a union of texts, as its source lists them. */
function members(file: string, type: string): string[] {
  const text = read(file).split(`export type ${type} =`)[1]?.split('\n\n')[0] ?? ''
  return [...text.matchAll(/'(\w+)'/g)].map(([, name = '']) => name)
}

/** What the table below a heading explains, one to a row. */
function explained(heading: string): string[] {
  const untilNextHeading = section(page, heading).split('\n### ')[0] ?? ''
  return rows(untilNextHeading).map(([name]) => code(name))
}

describe('docs/operations.md', () => {
  it('explains every condition, and none that there is not', () => {
    const conditions = members('src/telemetry/status.ts', 'ConditionType')
    expect(conditions).toContain('Ready')
    expect(explained('## Conditions').sort()).toEqual(conditions.sort())
  })

  it('explains every event, and none that there is not', () => {
    const reasons = members('src/telemetry/event.ts', 'EventReason')
    expect(reasons).toContain('EngineExited')
    expect(explained('## Events').sort()).toEqual(reasons.sort())
  })

  it('explains every reason for which a VPN node is not up', () => {
    const judge = read('src/vpn/judge.ts')
    const reasons = new Set(
      judge.match(/(?<=')(Container|Vpn|Control|No|Public|Status|Unh)\w+(?=')/g),
    )
    const up = ['VpnRunning', 'PublicIpUnknown']
    const table = section(page, '### Why a VPN node is not up')
    for (const reason of [...reasons].filter((each) => !up.includes(each)))
      expect(table).toContain(`\`${reason}\``)
  })
})
