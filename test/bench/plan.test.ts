import { expect, test } from 'vitest'
import { growthExponent, median, nLogNExponent, percentile } from './figures.ts'
import { measurePlan } from './plan.ts'

test('the planning benchmark measures every size, the growth and the memory of a real process', async () => {
  const said: string[] = []
  const figures = await measurePlan(
    { say: (line) => void said.push(line), signal: new AbortController().signal },
    { sizes: [4, 8, 16], warmUpMs: 0, measureMs: 0, enginesInMemory: 4, memoryMs: 1_000 },
  )
  const { ms_4, ms_8, ms_16, exponent, rss_mib_4 } = figures
  for (const figure of [ms_4, ms_8, ms_16, exponent, rss_mib_4])
    expect(figure, said.join('\n')).toEqual(expect.any(Number))
  // A Node process alone takes more than that: something was really running.
  expect(rss_mib_4).toBeGreaterThan(40)
})

test('a benchmark of quadratic work is told from one of n log n', () => {
  const quadratic = growthExponent({ n: 10, ms: 1 }, { n: 100, ms: 100 })
  expect(quadratic).toBeCloseTo(2)
  expect(nLogNExponent(1_000, 5_000)).toBeGreaterThan(1)
  expect(nLogNExponent(1_000, 5_000)).toBeLessThan(1.2)
})

test('a percentile is a value that was measured, and a median lies in the middle', () => {
  expect(percentile([5, 1, 3, 2, 4], 50)).toBe(3)
  expect(percentile([5, 1, 3, 2, 4], 99)).toBe(5)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(() => median([])).toThrow('no values')
})
