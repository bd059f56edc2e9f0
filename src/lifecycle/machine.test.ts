import { describe, expect, it } from 'vitest'
import { getAdjacencyMap, getSimplePaths } from 'xstate/graph'
import { type LifecycleEvent, lifecycle } from './machine.ts'
import { PHASES, type Phase } from './phase.ts'
import { step } from './step.ts'

const events = (lifecycle.events as readonly LifecycleEvent['type'][]).map((type) => ({ type }))
/** What xstate/graph leaves untyped. */
interface Edge {
  readonly event: LifecycleEvent
  readonly state: { readonly value: unknown }
}

const rank = (phase: unknown) => PHASES.indexOf(phase as Phase)

const edges = Object.values(getAdjacencyMap(lifecycle, { events })).flatMap(
  ({ state, transitions }) =>
    Object.values(transitions as Record<string, Edge>).map((each) => ({
      from: state.value as Phase,
      event: each.event.type,
      to: each.state.value as Phase,
    })),
)
const paths = getSimplePaths(lifecycle, { events })
// A path's last step leads to its state; the first is the machine's own beginning.
const ways = paths.map(({ steps }) => steps.map((s) => s.state.value))

describe("an engine's lifecycle", () => {
  it('moves forwards only, by whatever event (I6)', () => {
    expect(edges).toHaveLength(PHASES.length * events.length)
    for (const { from, event, to } of edges)
      expect({ from, event, to, forwards: rank(to) >= rank(from) }).toMatchObject({
        forwards: true,
      })
  })

  it('passes no phase twice on any path (I6)', () => {
    expect(paths.length).toBeGreaterThan(20)
    for (const way of ways) {
      const ranks = way.map(rank)
      expect(ranks).toEqual([...new Set(ranks)].sort((a, b) => a - b))
    }
  })

  it('reaches every phase, and from every phase its end', () => {
    expect(new Set(ways.map((way) => way.at(-1)))).toEqual(new Set(PHASES))
    for (const phase of PHASES)
      expect(ways.some((way) => way.includes(phase) && way.at(-1) === 'Exited')).toBe(true)
  })

  it('stops only after Draining or with a failed mark, so that every stop follows a mark (I7)', () => {
    for (const { from, event } of edges) {
      const { actions } = step(from, event)
      if (!actions.includes('stop')) continue
      const isMarked = from === 'Draining' || from === 'Stopping' || actions.includes('markFailed')
      expect({ from, event, isMarked }).toMatchObject({ isMarked: true })
    }
  })

  it('removes only what has exited or never ran (I8)', () => {
    for (const { from, event, to } of edges) {
      if (!step(from, event).actions.includes('remove')) continue
      expect(to).toBe('Exited')
      expect(event === 'exited' || from === 'Pending').toBe(true)
    }
  })

  it('creates for nothing but a vacant place', () => {
    const creating = edges.filter(({ from, event }) => step(from, event).actions.includes('create'))
    expect(creating.map(({ from, event }) => [from, event])).toEqual([['Pending', 'wanted']])
  })

  it('answers from its table what the machine itself answers', () => {
    for (const { from, event, to } of edges) expect(step(from, event).phase).toBe(to)
  })

  it('lets an engine that drains finish unless it is dead or out of time (I5)', () => {
    const stopping = edges.filter(({ from, to }) => from === 'Draining' && to === 'Stopping')
    expect(stopping.map(({ event }) => event).sort()).toEqual([
      'drainTimedOut',
      'drained',
      'failed',
    ])
    expect(step('Draining', 'unwanted')).toEqual({ phase: 'Draining', actions: [] })
  })

  it('never goes back from Draining, however good the answers (I6)', () => {
    for (const event of ['answered', 'wanted', 'startable'] as const)
      expect(step('Draining', event)).toEqual({ phase: 'Draining', actions: [] })
  })
})
