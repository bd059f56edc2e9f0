/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]
  if (upper === undefined) throw new Error('no values to take a median of')
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** The nearest-rank percentile: a value that was really measured, and with few of them the largest. */
export function percentile(values: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * values.length))
  const found = values.toSorted((a, b) => a - b)[rank - 1]
  if (found === undefined) throw new Error('no values to take a percentile of')
  return found
}

/** The x of time ~ n^x between two measured sizes. */
export function growthExponent(
  small: { readonly n: number; readonly ms: number },
  large: { readonly n: number; readonly ms: number },
): number {
  return Math.log(large.ms / small.ms) / Math.log(large.n / small.n)
}

/** What {@link growthExponent} is of n log n between two sizes. */
export function nLogNExponent(small: number, large: number): number {
  const ms = (n: number) => n * Math.log(n)
  return growthExponent({ n: small, ms: ms(small) }, { n: large, ms: ms(large) })
}

/** Cut to a number of digits that a reader believes. */
export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits))
}
