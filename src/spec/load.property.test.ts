import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { stringify } from 'yaml'
import { arbitraryFleet } from '../../test/spec/arbitrary-fleet.ts'
import { documentOf } from './document.ts'
import { fleetHash, hashOf } from './hash.ts'
import { checkSpecs } from './load.ts'
import { formatProblems } from './problem.ts'

const file = 'a.yaml'

/** Hundreds of runs take their time beside other tests. */
vi.setConfig({ testTimeout: 120_000 })

describe('any fleet', () => {
  it('is read back as it was printed, under the same hash', () => {
    fc.assert(
      fc.property(arbitraryFleet, (fleet) => {
        const text = stringify(documentOf(fleet))
        const { fleets, problems } = checkSpecs([{ file, text }])
        expect(formatProblems(problems)).toBe('')
        expect(fleets[0]?.fleet).toEqual(fleet)
        expect(fleets[0]?.hash).toBe(fleetHash(fleet))
      }),
      { numRuns: 100 },
    )
  })

  it('has a hash that the order of keys does not change', () => {
    fc.assert(
      fc.property(arbitraryFleet, fc.integer(), (fleet, seed) => {
        const document = documentOf(fleet)
        expect(hashOf(shuffleKeys(document, seed))).toBe(hashOf(document))
      }),
      { numRuns: 100 },
    )
  })

  it('is another one under another hash', () => {
    fc.assert(
      fc.property(arbitraryFleet, (fleet) => {
        const hash = fleetHash(fleet)
        expect(fleetHash({ ...fleet, replicas: fleet.replicas + 1 })).not.toBe(hash)
        expect(fleetHash({ ...fleet, engine: { ...fleet.engine, image: 'x/y:z' } })).not.toBe(hash)
      }),
      { numRuns: 50 },
    )
  })
})

/** Cuts, doubles and damages a text somewhere. */
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat(30),
  instead: fc.oneof(
    fc.constant(''),
    fc.string({ maxLength: 5 }),
    fc.constantFrom(
      '\t',
      '\0',
      '"',
      "'",
      '{',
      '[',
      ']',
      '- ',
      ': ',
      '\n',
      '&a ',
      '*a',
      '!x ',
      '---\n',
      '|',
      '>',
      '# ',
      '? ',
      '<<: *a',
      'null',
      '-1',
      '1e999',
      '\uFEFF',
      '\u2028',
      '💥',
    ),
  ),
})

describe('any damage', () => {
  it('leaves a fleet or errors, each within the file, and never a crash', () => {
    fc.assert(
      fc.property(
        arbitraryFleet,
        fc.array(damage, { minLength: 1, maxLength: 4 }),
        (fleet, hits) => {
          let text = stringify(documentOf(fleet))
          for (const { at, length, instead } of hits) {
            const start = Math.floor(at * text.length)
            text = text.slice(0, start) + instead + text.slice(start + length)
          }
          const { fleets, problems } = checkSpecs([{ file, text }])
          expect(fleets.length + problems.length).toBeGreaterThan(0)
          const lines = text.split('\n')
          for (const { line = 0, column = 0, message, file: where } of problems) {
            expect(where).toBe(file)
            expect(message).not.toBe('')
            expect(line).toBeGreaterThanOrEqual(1)
            expect(line).toBeLessThanOrEqual(lines.length)
            expect(column).toBeGreaterThanOrEqual(1)
            expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('of any kind of value leaves no crash', () => {
    fc.assert(
      fc.property(
        fc.anything({ maxDepth: 3 }),
        fc.constantFrom('metadata', 'spec', 'kind', 'apiVersion'),
        (value, key) => {
          const document = {
            apiVersion: 'acefleet/v1',
            kind: 'EngineFleet',
            metadata: { name: 'x' },
            spec: { replicas: 1, vpn: { mode: 'none' } },
            [key]: value,
          }
          const text = JSON.stringify(document)
          expect(() => checkSpecs([{ file, text }])).not.toThrow()
        },
      ),
      { numRuns: 100 },
    )
  })
})

function shuffleKeys(value: unknown, seed: number): unknown {
  if (Array.isArray(value)) return value.map((each) => shuffleKeys(each, seed))
  if (typeof value !== 'object' || value === null) return value
  const rank = (key: string) => hashOf(`${key}${seed}`)
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1))
      .map(([key, each]) => [key, shuffleKeys(each, seed)]),
  )
}
