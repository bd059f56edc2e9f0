import type { ConditionView, EngineView, FleetView } from '../../src/api/view.ts'
import { demo } from './demo.ts'

/** What the demo server says of its fleets at one moment. */
export interface Picture {
  readonly fleets: readonly FleetView[]
  readonly engines: readonly EngineView[]
}

/** Conditions that tell of progress, not of trouble. */
const calm = new Set(['Ready', 'Reconciling'])

/** Whether every fleet is as its spec says, by somebody who looks after it. */
export function isConverged({ fleets, engines }: Picture): boolean {
  return (
    fleets.length > 0 &&
    fleets.every(
      ({ name, leader, replicas, ready, updated, conditions }) =>
        leader !== null &&
        replicas !== null &&
        ready === replicas &&
        updated === replicas &&
        engines.filter(({ fleet }) => fleet === name).length === replicas &&
        conditions.some(({ type, status }) => type === 'Ready' && status === 'True') &&
        !conditions.some(({ type }) => type === 'Reconciling'),
    )
  )
}

/** One line: how far it is, and what is awaited. */
export function progressLine({ fleets, engines }: Picture): string {
  if (fleets.length === 0) return `Waiting for a good fleet in ${demo.spec}`
  return fleets
    .map(({ name, leader, ready, replicas, conditions }) => {
      const awaited = engines
        .filter((engine) => engine.fleet === name && (!engine.ready || !engine.updated))
        .map((engine) => `${engine.name} (${engine.phase})`)
      const count = `${name}: ${ready ?? 0} of ${replicas ?? '?'} ready`
      const led = leader === null ? 'nobody leads' : ''
      const parts = [count, awaited.join(', '), led, ...troublesOf(conditions)]
      return parts.filter((part) => part !== '').join(' · ')
    })
    .join(' | ')
}

/** What stands in the way of any fleet, converged ones included: an edit that was refused, for instance. */
export function troubles({ fleets }: Picture): readonly string[] {
  return fleets.flatMap(({ conditions }) => troublesOf(conditions))
}

function troublesOf(conditions: readonly ConditionView[]): readonly string[] {
  return conditions
    .filter(({ type, status }) => !calm.has(type) && status === 'True')
    .map(({ type, message }) => `${type}: ${message}`)
}
