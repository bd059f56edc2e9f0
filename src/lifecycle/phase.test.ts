import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ContainerState } from '../docker/port.ts'
import { PHASES, type PhaseSigns, phaseOf } from './phase.ts'

/** Docker's states in the order in which a container that nobody restarts passes them. */
const STATES: readonly ContainerState[] = ['created', 'running', 'exited', 'removing', 'dead']
const MARKS: readonly PhaseSigns['mark'][] = [
  undefined,
  { kind: 'draining' },
  { kind: 'draining', stopAt: 1 },
  { kind: 'failed', stopAt: 1 },
]

describe('the phase of an engine', () => {
  it.each<[string, PhaseSigns, string]>([
    [
      'was created and never ran',
      { state: 'created', mark: undefined, wasReady: false },
      'Pending',
    ],
    ['runs and never answered', { state: 'running', mark: undefined, wasReady: false }, 'Starting'],
    ['answered once', { state: 'running', mark: undefined, wasReady: true }, 'Running'],
    [
      'is marked draining',
      { state: 'running', mark: { kind: 'draining' }, wasReady: true },
      'Draining',
    ],
    [
      'drains before it ever answered',
      { state: 'running', mark: { kind: 'draining' }, wasReady: false },
      'Draining',
    ],
    [
      'is to be stopped',
      { state: 'running', mark: { kind: 'draining', stopAt: 1 }, wasReady: true },
      'Stopping',
    ],
    [
      'is marked failed',
      { state: 'running', mark: { kind: 'failed' }, wasReady: true },
      'Stopping',
    ],
    ['is paused by somebody', { state: 'paused', mark: undefined, wasReady: true }, 'Running'],
    [
      'was marked before it ever ran',
      { state: 'created', mark: { kind: 'failed' }, wasReady: false },
      'Stopping',
    ],
    ['exited', { state: 'exited', mark: undefined, wasReady: true }, 'Exited'],
    ['is being removed', { state: 'removing', mark: undefined, wasReady: true }, 'Exited'],
    ['is dead to Docker', { state: 'dead', mark: undefined, wasReady: true }, 'Exited'],
  ])('of one that %s', (_, signs, phase) => {
    expect(phaseOf(signs)).toBe(phase)
  })

  it('only ever goes forwards while Docker and the store only ever add (I6)', () => {
    const index = (most: number) => fc.nat(most)
    const order = fc.uniqueArray(fc.constantFrom('state', 'mark', 'ready'), { maxLength: 3 })
    fc.assert(
      fc.property(
        index(STATES.length - 1),
        index(MARKS.length - 1),
        fc.boolean(),
        order,
        (state, mark, wasReady, grows) => {
          const has = (what: (typeof grows)[number]) => grows.includes(what)
          const at = (s: number, m: number, r: boolean) =>
            phaseOf({ state: STATES[s] ?? 'dead', mark: MARKS[m], wasReady: r })
          const before = PHASES.indexOf(at(state, mark, wasReady))
          const later = at(
            Math.min(state + Number(has('state')), STATES.length - 1),
            Math.min(mark + Number(has('mark')), MARKS.length - 1),
            wasReady || has('ready'),
          )
          expect(PHASES.indexOf(later)).toBeGreaterThanOrEqual(before)
        },
      ),
    )
  })
})
