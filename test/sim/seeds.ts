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

/** Every other seed: test files run beside each other, and each takes one half. */
export function describeSeeds(half: 'odd' | 'even'): void {
  const all = Array.from({ length: SEEDS }, (_, n) => FIRST + n)
  const own = all.filter((seed) => (seed % 2 === 1) === (half === 'odd'))
  // A seed that is asked for by itself may be of the other half.
  const mine = own.length > 0 ? own : all
  describe(`the whole controller under faults, ${half} seeds`, () => {
    for (let at = 0; at < mine.length; at += PORTION) {
      const portion = mine.slice(at, at + PORTION)
      it(`keeps I1 to I11, L1 and L2 with seeds ${portion[0]} to ${portion.at(-1)}`, async () => {
        for (const seed of portion) await expectSound(seed)
      })
    }
  })
}
