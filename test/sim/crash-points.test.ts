import { describe, expect, it } from 'vitest'
import type { Crash } from './fate.ts'
import { liveThrough } from './one-life.ts'

/** Strikes one life at each of its side effects in turn. */
async function strikeEverywhere(what: Crash): Promise<void> {
  const { count, violations } = await liveThrough()
  expect(violations).toEqual([])
  expect(count).toBeGreaterThan(50)
  for (let at = 0; at < count; at++) {
    const life = await liveThrough({ at, what })
    if (life.violations.length > 0) console.log(life.trace.join('\n'))
    expect(life.violations, `${what} side effect ${at}: ${life.struck}`).toEqual([])
  }
}

describe('whatever side effect it strikes, the next mends it (I1 to I11, L1)', () => {
  it('death just before it is sent', () => strikeEverywhere('before'))
  it('death right after it was sent', () => strikeEverywhere('after'))
  it('a pause that outlasts the lease, right after it was sent', () => strikeEverywhere('pause'))
})
