import { planFleet } from '../../src/plan/plan.ts'
import { growthExponent, median } from './figures.ts'
import { SITUATIONS, settledInput } from './plan-input.ts'

/** How long planning takes in one situation, by fleet size. */
export interface PlanTimes {
  readonly situation: string
  readonly actions: number
  /** Median ms by number of engines, in the order of the sizes. */
  readonly ms: readonly number[]
  /** The shortest ms likewise: what else the machine does only ever adds. */
  readonly leastMs: readonly number[]
}

/** Time spent warming up and then measuring per situation and size: many passes of a small fleet, a few of a large one, ms. */
export interface PlanBudget {
  readonly warmUpMs: number
  readonly measureMs: number
}

/** However short the budget, so many passes are measured. */
const LEAST_PASSES = 5

function timeOnce(run: () => unknown): number {
  const begun = performance.now()
  run()
  return performance.now() - begun
}

function timesOf(run: () => unknown, { warmUpMs, measureMs }: PlanBudget): readonly number[] {
  for (const end = performance.now() + warmUpMs; performance.now() < end; ) run()
  const times: number[] = []
  const end = performance.now() + measureMs
  while (times.length < LEAST_PASSES || performance.now() < end) times.push(timeOnce(run))
  return times
}

/** Plans each situation at each size, over and over. */
export function* measurePlanning(
  sizes: readonly number[],
  budget: PlanBudget,
): Generator<PlanTimes> {
  for (const [situation, arrange] of Object.entries(SITUATIONS)) {
    let actions = 0
    const times = sizes.map((n) => {
      const input = arrange(settledInput(n))
      actions = planFleet(input).actions.length
      return timesOf(() => planFleet(input), budget)
    })
    yield { situation, actions, ms: times.map(median), leastMs: times.map((t) => Math.min(...t)) }
  }
}

/** The slowest situation's time for each size, and the steepest growth of any between the two largest sizes. */
export function worst(
  sizes: readonly number[],
  all: readonly PlanTimes[],
): { readonly ms: readonly number[]; readonly exponent: number } {
  const ms = sizes.map((_, i) => Math.max(...all.map((times) => times.ms[i] ?? Number.NaN)))
  const exponents = all.map((times) =>
    growthExponent(
      { n: sizes.at(-2) ?? Number.NaN, ms: times.leastMs.at(-2) ?? Number.NaN },
      { n: sizes.at(-1) ?? Number.NaN, ms: times.leastMs.at(-1) ?? Number.NaN },
    ),
  )
  return { ms, exponent: Math.max(...exponents) }
}
