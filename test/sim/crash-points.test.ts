import { describe, expect, it } from 'vitest'
import type { Crash } from './fate.ts'
import { type Company, liveThrough } from './one-life.ts'

/** Strikes one life at each of its side effects in turn. */
async function strikeEverywhere(what: Crash, company: Company): Promise<void> {
  const { count, violations } = await liveThrough(undefined, { company })
  expect(violations).toEqual([])
  expect(count).toBeGreaterThan(50)
  for (let at = 0; at < count; at++) {
    const life = await liveThrough({ at, what }, { company })
    if (life.violations.length > 0) console.log(life.trace.join('\n'))
    expect(life.violations, `${what} side effect ${at}: ${life.struck}`).toEqual([])
  }
}

describe('whatever side effect it strikes, the next mends it (I1 to I11, L1)', () => {
  it('death just before it is sent', () => strikeEverywhere('before', 'alone with a lock'))
  it('death right after it was sent', () => strikeEverywhere('after', 'alone with a lock'))
})

describe('whatever side effect of a leader it strikes, the standby mends it (I1 to I11, L1)', () => {
  it('death just before it is sent', () => strikeEverywhere('before', 'with a standby'))
  it('death right after it was sent', () => strikeEverywhere('after', 'with a standby'))
  it('a pause that outlasts the lease, right after it was sent', () =>
    strikeEverywhere('pause', 'with a standby'))
  it('a pause behind the guard, so that it lands when another leads (I7)', () =>
    strikeEverywhere('stall', 'with a standby'))
})
