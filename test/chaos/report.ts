import { percentile } from '../bench/figures.ts'
import type { RoundReport } from './round.ts'

/** The last line of a run. */
export interface ChaosFigures {
  readonly rounds: number
  /** That struck: an occasion that never came is none. */
  readonly faults: number
  readonly violations: number
  readonly converged_p50_ms: number
  readonly converged_p99_ms: number
}

const COLUMNS = [5, 22, 9, 12] as const

function inColumns(cells: readonly string[]): string {
  return cells
    .map((cell, i) => cell.padEnd(COLUMNS[i] ?? 0))
    .join('  ')
    .trimEnd()
}

export const HEAD = inColumns([
  'round',
  'fault',
  'leases',
  'converged ms',
  'violations, and what happened',
])

export function rowOf(round: RoundReport): string {
  const { number, fault, setting, struck, convergedMs, violations } = round
  const outcome = `${violations.length}  ${struck.isMissed ? 'missed: ' : ''}${struck.detail}`
  const converged = convergedMs === undefined ? 'never' : String(convergedMs)
  return inColumns([String(number), fault, setting, converged, outcome])
}

export function figuresOf(rounds: readonly RoundReport[]): ChaosFigures {
  const times = rounds.map(({ convergedMs }) => convergedMs ?? Number.POSITIVE_INFINITY)
  const rank = (percent: number) => {
    const value = times.length === 0 ? 0 : percentile(times, percent)
    return Number.isFinite(value) ? value : -1
  }
  return {
    rounds: rounds.length,
    faults: rounds.filter(({ struck }) => struck.isMissed !== true).length,
    violations: rounds.reduce((sum, { violations }) => sum + violations.length, 0),
    converged_p50_ms: rank(50),
    converged_p99_ms: rank(99),
  }
}
