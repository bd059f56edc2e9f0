import { describe, expect, it } from 'vitest'
import { describeSeeds } from './seeds.ts'
import { simulate } from './simulation.ts'

describeSeeds('odd')

describe('a simulation', () => {
  it('runs one seed twice in the same way', async () => {
    const [one, other] = [
      await simulate({ seed: 7, isTraced: true }),
      await simulate({ seed: 7, isTraced: true }),
    ]
    expect(one.trace.length).toBeGreaterThan(50)
    expect(one.trace).toEqual(other.trace)
  })
})
