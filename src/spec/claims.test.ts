import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Claimant, findClashes } from './claims.ts'
import { checkShape } from './draft.ts'
import { rangesOverlap } from './quantity.ts'

const range = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.nat(15))
  .map(([first, size]) => ({ first, last: first + size }))

/** Fleets of one to three nodes each. */
const fleets = fc.array(fc.array(range, { minLength: 1, maxLength: 3 }), { maxLength: 6 })

function claimant(ranges: readonly { first: number; last: number }[], index: number): Claimant {
  const nodes = ranges.map(({ first, last }, node) => ({
    name: `node-${index}-${node}`,
    ports: `${first}-${last}`,
  }))
  const { draft } = checkShape({
    apiVersion: 'acefleet/v1',
    kind: 'EngineFleet',
    metadata: { name: `f${index}` },
    spec: { replicas: 1, vpn: { mode: 'redundant', nodes } },
  })
  if (draft === undefined) throw new Error('the document of this test is wrong')
  return { draft, place: () => '' }
}

it('exactly the fleets that overlap another one are told so, and of one that they do overlap', () => {
  fc.assert(
    fc.property(fleets, (all) => {
      const claimants = all.map(claimant)
      const overlapping = (a: number, b: number) =>
        a !== b &&
        (all[a] ?? []).some((one) => (all[b] ?? []).some((two) => rangesOverlap(one, two)))
      const clashes = findClashes(claimants).map(({ claimant: mine, other }) => [
        claimants.indexOf(mine),
        claimants.indexOf(other),
      ])
      const told = new Set(clashes.map(([mine]) => mine))
      const expected = all.flatMap((_, a) => (all.some((__, b) => overlapping(a, b)) ? [a] : []))
      expect([...told].sort()).toEqual(expected)
      for (const [mine = -1, other = -1] of clashes) expect(overlapping(mine, other)).toBe(true)
    }),
    { numRuns: 500 },
  )
})
