import type { BenchRun, Figures } from './bench.ts'
import { nLogNExponent, round } from './figures.ts'
import { measureMemory } from './plan-memory.ts'
import { measurePlanning, type PlanBudget, type PlanTimes, worst } from './plan-times.ts'

const SIZES = [100, 1_000, 5_000] as const
const ENGINES_IN_MEMORY = 200

/** How long each part takes; the smoke test takes next to nothing. */
export interface PlanOptions extends PlanBudget {
  readonly sizes: readonly [number, number, number]
  readonly enginesInMemory: number
  readonly memoryMs: number
}

/** Planning times of ever larger fleets in every situation, and the memory of a process that looks after 200 engines. */
export async function measurePlan(run: BenchRun, options: PlanOptions): Promise<Figures> {
  const { sizes, enginesInMemory, memoryMs } = options
  run.say(`planning fleets of ${sizes.join(', ')} engines`)
  const all: PlanTimes[] = []
  for (const times of measurePlanning(sizes, options)) {
    run.signal.throwIfAborted()
    run.say(`${times.situation}: ${times.ms.map((ms) => `${round(ms)} ms`).join(', ')}`)
    all.push(times)
  }
  const { ms, exponent } = worst(sizes, all)
  const limit = nLogNExponent(sizes[1], sizes[2])
  run.say(`steepest growth n^${round(exponent)}; n log n is n^${round(limit)} here`)

  run.say(`memory of acefleet with ${enginesInMemory} simulated engines, over ${memoryMs / 1000} s`)
  const memory = await measureMemory(enginesInMemory, { forMs: memoryMs, signal: run.signal })
  const { mostMib, lastMib, passes } = memory
  run.say(
    `at most ${round(mostMib, 1)} MiB in ${passes} passes, ${round(lastMib, 1)} MiB at the end`,
  )
  return {
    ...Object.fromEntries(sizes.map((n, i) => [`ms_${n}`, round(ms[i] ?? Number.NaN)])),
    exponent: round(exponent),
    exponent_n_log_n: round(limit),
    [`rss_mib_${enginesInMemory}`]: round(mostMib, 1),
  }
}

/** `npm run bench -- plan`. */
export function plan(run: BenchRun): Promise<Figures> {
  return measurePlan(run, {
    sizes: SIZES,
    warmUpMs: 300,
    measureMs: 700,
    enginesInMemory: ENGINES_IN_MEMORY,
    memoryMs: 60_000,
  })
}
