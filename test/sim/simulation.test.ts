import { env } from 'node:process'
import { describe, expect, it } from 'vitest'
import { simulate } from './simulation.ts'

/** `SIM_SEED=n` runs that seed alone and prints all that happened; `SIM_SEEDS=n` runs so many instead of a thousand. */
const ONLY = env.SIM_SEED === undefined ? undefined : Number(env.SIM_SEED)
const SEEDS = ONLY === undefined ? Number(env.SIM_SEEDS ?? 1_000) : 1
const FIRST = ONLY ?? 1

/** In portions, so that a report tells how far it came. */
const PORTION = 100

/** Prints one seed's run from beginning to end. */
async function tell(seed: number): Promise<void> {
  const { trace } = await simulate({ seed, isTraced: true })
  console.log(`${trace.join('\n')}\nseed ${seed}; again with SIM_SEED=${seed}`)
}

async function expectSound(seed: number): Promise<void> {
  const { violations } = await simulate({ seed })
  if (violations.length > 0 || ONLY !== undefined) await tell(seed)
  expect(violations, `seed ${seed}`).toEqual([])
}

describe('the whole controller under faults', () => {
  for (let from = FIRST; from < FIRST + SEEDS; from += PORTION) {
    const to = Math.min(from + PORTION, FIRST + SEEDS) - 1
    it(`keeps I1 to I11, L1 and L2 with seeds ${from} to ${to}`, async () => {
      for (let seed = from; seed <= to; seed++) await expectSound(seed)
    })
  }

  it('runs one seed twice in the same way', async () => {
    const [one, other] = [
      await simulate({ seed: 7, isTraced: true }),
      await simulate({ seed: 7, isTraced: true }),
    ]
    expect(one.trace.length).toBeGreaterThan(50)
    expect(one.trace).toEqual(other.trace)
  })
})
