import { env } from 'node:process'
import { describe, expect, it } from 'vitest'
import { simulate } from './simulation.ts'

const FIRST = 1
const SEEDS = Number(env.SIM_SEEDS ?? 1_000)

describe('the whole controller under faults', () => {
  it('keeps every invariant', async () => {
    const from = env.SIM_SEED === undefined ? FIRST : Number(env.SIM_SEED)
    const count = env.SIM_SEED === undefined ? SEEDS : 1
    for (let seed = from; seed < from + count; seed++) {
      const { violations } = await simulate({ seed })
      if (violations.length === 0 && env.SIM_SEED === undefined) continue
      const { trace } = await simulate({ seed, isTraced: true })
      console.log(trace.join('\n'))
      expect(violations, `seed ${seed}`).toEqual([])
    }
  })
})
