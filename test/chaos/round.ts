import { makeChurn } from './churn.ts'
import { whenConverged } from './converged.ts'
import type { DrawnRound } from './draw.ts'
import type { Struck } from './fault.ts'
import type { Violation } from './judge/facts.ts'
import { judge } from './judge/judge.ts'
import type { Stage } from './stage.ts'

/** How one round went. */
export interface RoundReport {
  readonly number: number
  readonly fault: string
  readonly setting: string
  readonly struck: Struck
  /** From the end of the fault until the fleet was what the spec says; undefined when it was not in time. */
  readonly convergedMs: number | undefined
  readonly violations: readonly Violation[]
}

/** From the end of a fault. A store that forgot lets nothing be stopped for 15 s; the rest is the slow machine's. */
export const BOUND_MS = 90_000

/** Of viewers at the beginning of a round: so many engines keep their ids, or are drained. */
const WATCHED = 2

/** All violations so far, the witness at the daemon's included. */
export async function violationsOf(stage: Stage): Promise<readonly Violation[]> {
  await stage.witness.caughtUp()
  const seen = stage.witness.violations.map(({ invariant, at, message }) => ({
    ...{ invariant, message },
    at: Date.parse(at),
  }))
  return [...seen, ...judge(stage.facts)]
}

/** Brings back who ended, and waits until the fleet is well again. */
async function recover(stage: Stage): Promise<{ convergedMs?: number; violations: Violation[] }> {
  const healedAt = Date.now()
  for (const replica of stage.replicas) if (!replica.isRunning()) await replica.start()
  const { at, trouble } = await whenConverged(stage, BOUND_MS)
  if (trouble === undefined) return { convergedMs: at - healedAt, violations: [] }
  const message = `not what the spec says ${BOUND_MS / 1000} s after the fault: ${trouble}`
  return { violations: [{ invariant: 'L1', at, message }] }
}

/** Has a fault strike a fleet that is well, and judges what became of it. */
export async function playRound(
  stage: Stage,
  { number, fault, random }: DrawnRound,
  options: { readonly scale: number; readonly known: ReadonlySet<string> },
): Promise<RoundReport> {
  const churn = makeChurn(stage, random.fork('churn'))
  await churn.watchEngines(random.int(1, WATCHED))
  try {
    const struck = await fault.strike({ stage, churn, random, scale: options.scale })
    const { convergedMs, violations: unrest } = await recover(stage)
    const all = [...(await violationsOf(stage)), ...unrest]
    return {
      ...{ number, fault: fault.name, struck, convergedMs },
      setting: `${stage.servers.leases.length} × ${stage.timing.ttlMs / 1000} s`,
      violations: all.filter(({ message }) => !options.known.has(message)),
    }
  } finally {
    await churn.end()
  }
}
