import { parseArgs } from 'node:util'
import type { Fault } from './fault.ts'
import { ALL_FAULTS } from './faults/all.ts'

export interface ChaosOptions {
  readonly rounds: number
  readonly seed: number
  /** Kinds that are drawn from. */
  readonly faults: readonly Fault[]
  /** A seeded bug that the replicas are to have. */
  readonly bug: string | undefined
  readonly scale: number
}

export const USAGE = `usage: npm run chaos -- [--rounds N] [--seed S] [--scale X] [--fault NAME,NAME…] [--bug NAME]
  --rounds  20; every kind of fault comes once before one comes twice
  --seed    1; the same seed draws the same faults
  --scale   1; a Redis that is paused for 30 s is paused for 30 s × scale`

function numberOf(name: string, text: string, isGood: (value: number) => boolean): number {
  const value = Number(text)
  if (isGood(value)) return value
  throw new Error(`--${name} ${text} makes no sense`)
}

function faultsOf(names: string | undefined): readonly Fault[] {
  if (names === undefined) return ALL_FAULTS
  return names.split(',').map((name) => {
    const fault = ALL_FAULTS.find((each) => each.name === name)
    if (fault !== undefined) return fault
    const all = ALL_FAULTS.map((each) => each.name).join(', ')
    throw new Error(`--fault ${name}: there are ${all}`)
  })
}

/** Reads the command line. Throws what is wrong with it, for people. */
export function readOptions(args: readonly string[], bugs: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      scale: { type: 'string', default: '1' },
      fault: { type: 'string' },
      bug: { type: 'string' },
    },
  })
  if (values.bug !== undefined && !bugs.includes(values.bug))
    throw new Error(`--bug ${values.bug}: there are ${bugs.join(', ')}`)
  return {
    rounds: numberOf('rounds', values.rounds, (n) => Number.isSafeInteger(n) && n > 0),
    seed: numberOf('seed', values.seed, Number.isSafeInteger),
    scale: numberOf('scale', values.scale, (n) => n > 0 && n <= 1),
    faults: faultsOf(values.fault),
    bug: values.bug,
  }
}
