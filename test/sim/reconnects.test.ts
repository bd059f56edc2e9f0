import { describe, expect, it } from 'vitest'
import {
  type Outcome,
  POLICIES,
  RESTARTS,
  type Restart,
  reconnect,
  restartUnheard,
} from './reconnects.ts'

function sound<T extends Outcome>(outcome: T): T {
  if (outcome.violations.length > 0) console.log(outcome.trace.join('\n'))
  // With it: all engines run in namespaces that lead somewhere (I10, L1).
  expect(outcome.violations).toEqual([])
  return outcome
}

describe('a VPN container of which no event tells', () => {
  for (const how of Object.keys(RESTARTS) as readonly Restart[])
    for (const why of ['events are lost', 'nobody is there'] as const)
      it(`${how} while ${why}: its engines are replaced whatever restartEnginesOnReconnect says (I9, I10, L1)`, async () => {
        for (const policy of POLICIES) {
          const { before, kept } = sound(await restartUnheard(policy, how, why))
          expect(before.here).toHaveLength(2)
          expect(kept.filter((id) => before.here.includes(id))).toEqual([])
        }
      })
})

describe('a VPN that reconnects inside its container', () => {
  it('auto: all engines stay but the one that does not find its network again (I5)', async () => {
    const { before, kept, stray } = sound(await reconnect('auto'))
    const others = [...before.here, ...before.elsewhere].filter((id) => id !== stray)
    expect(kept).toEqual(others)
  })

  it('always: its engines are replaced, and no others (I5)', async () => {
    const { before, kept } = sound(await reconnect('always'))
    expect(kept).toEqual(before.elsewhere)
  })

  it('never: all engines stay', async () => {
    const { before, kept } = sound(await reconnect('never'))
    expect(kept).toEqual([...before.here, ...before.elsewhere])
  })
})
