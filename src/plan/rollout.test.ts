import { describe, expect, it } from 'vitest'
import { afterPlan, afterTime, course } from '../../test/harness/model-world.ts'
import {
  deeds,
  type EngineSketch,
  idOf,
  NOW,
  type Sketch,
  type SpecSketch,
  scene,
} from '../../test/harness/scene.ts'
import type { PlanInput } from './input.ts'
import { planFleet } from './plan.ts'

const outdated = (...slots: string[]): EngineSketch[] =>
  slots.map((slot) => ({ slot, outdated: true }))
const storyOf = (input: PlanInput) => course(input).story.filter(({ length }) => length > 0)
const none = (spec: Omit<SpecSketch, 'scope'>, engines: readonly EngineSketch[]): Sketch => ({
  spec: { ...spec, scope: 'none' },
  nodes: [{ name: 'a' }],
  engines,
})
const doings = (sketch: Sketch) => deeds(planFleet(scene(sketch)))

/** How many engines were ready and alive at the least and at the most, from beginning to end. */
function extremes(start: PlanInput): { least: number; most: number } {
  let world = start
  let [least, most] = [Number.POSITIVE_INFINITY, 0]
  for (let round = 0; round < 60; round++) {
    const plan = planFleet(world)
    world = afterPlan(world, plan)
    const { engines } = planFleet(world)
    least = Math.min(least, engines.filter((e) => e.ready).length)
    most = Math.max(most, engines.filter((e) => !e.dead).length)
    world = afterTime(world, 1_000)
  }
  const left = planFleet(world)
    .engines.filter((e) => !e.updated)
    .map(({ slot }) => slot)
  expect(left).toEqual([])
  return { least, most }
}

describe('a rolling update', () => {
  it.each([
    { maxSurge: 1, maxUnavailable: 0, least: 4, most: 5 },
    { maxSurge: 2, maxUnavailable: 0, least: 4, most: 6 },
    { maxSurge: 0, maxUnavailable: 1, least: 3, most: 4 },
    { maxSurge: 0, maxUnavailable: 2, least: 2, most: 4 },
    { maxSurge: 1, maxUnavailable: 1, least: 3, most: 5 },
    { maxSurge: 2, maxUnavailable: 2, least: 2, most: 6 },
    { maxSurge: 9, maxUnavailable: 9, least: 0, most: 13 },
  ])('keeps within maxSurge $maxSurge and maxUnavailable $maxUnavailable (I2)', (limits) => {
    const { maxSurge, maxUnavailable, least, most } = limits
    const start = scene(
      none({ replicas: 4, maxSurge, maxUnavailable }, outdated('0', '1', '2', '3')),
    )
    const seen = extremes(start)
    expect(seen.least).toBeGreaterThanOrEqual(least)
    expect(seen.most).toBeLessThanOrEqual(most)
  })

  it('is start-first where a surge allows it', () => {
    expect(storyOf(scene(none({ replicas: 2 }, outdated('0', '1'))))).toEqual([
      ['create 2 on a'],
      ['noteReady 2', 'drain 0'],
      ['stop 0'],
      ['remove 0'],
      ['create 0 on a'],
      ['noteReady 0', 'drain 1'],
      ['stop 1'],
      ['remove 1'],
    ])
  })

  it('is stop-first without a surge', () => {
    const spec = { replicas: 2, maxSurge: 0, maxUnavailable: 1 }
    expect(storyOf(scene(none(spec, outdated('0', '1')))).slice(0, 4)).toEqual([
      ['drain 0'],
      ['stop 0'],
      ['remove 0'],
      ['create 0 on a'],
    ])
  })

  it('rolls the forwarded engine last, and stop-first (I1)', () => {
    const sketch: Sketch = {
      spec: { replicas: 2 },
      nodes: [{ name: 'a', port: 51_000 }],
      engines: outdated('forwarded', '0'),
    }
    const order = storyOf(scene(sketch)).flat()
    expect(order.indexOf('drain forwarded')).toBeGreaterThan(order.indexOf('noteReady 1'))
    expect(order.indexOf('drain forwarded')).toBeGreaterThan(order.indexOf('drain 0'))
    expect(order.indexOf('create forwarded on a')).toBeGreaterThan(order.indexOf('stop forwarded'))
  })

  it('does not touch the forwarded engine before every ordinary one is ready', () => {
    const sketch: Sketch = {
      spec: { replicas: 2 },
      nodes: [{ name: 'a', port: 51_000 }],
      engines: [...outdated('forwarded'), { slot: '0', ready: false, ageMs: 1_000 }],
    }
    expect(doings(sketch)).toEqual([])
  })

  it('rolls one forwarded place at a time with scope vpn', () => {
    const sketch: Sketch = {
      spec: { replicas: 2, scope: 'vpn', maxUnavailable: 2 },
      nodes: [
        { name: 'a', port: 51_000 },
        { name: 'b', port: 52_000 },
      ],
      engines: [
        { slot: 'a.forwarded', on: 'a', outdated: true },
        { slot: 'b.forwarded', on: 'b', outdated: true },
      ],
    }
    expect(doings(sketch)).toEqual(['drain a.forwarded'])
  })

  it('lets those go first that serve nobody', () => {
    const [first, ...others] = outdated('0', '1', '2')
    const engines = [{ ...first, slot: '0', ready: false, wasReady: true }, ...others]
    expect(doings(none({ replicas: 3 }, engines))).toContain('drain 0')
  })

  it('replaces an engine whose node has other ports now', () => {
    const engines = [{ slot: '0', labels: { httpPort: 20_001 } }]
    expect(doings(none({ replicas: 1 }, engines))).toEqual(['create 1 on a'])
  })

  it('goes on at once when the spec is edited back: what is new by then is old', () => {
    const engines = [{ slot: '0' }, { slot: '1', outdated: true, ready: false, ageMs: 1_000 }]
    expect(doings(none({ replicas: 1 }, engines))).toEqual(['drain 1'])
  })
})

describe('a rollout that is paused', () => {
  const rollout = {
    specHash: scene(none({ replicas: 1 }, [])).template.specHash,
    failedStarts: 1,
    lastFailure: 'home.2 of the new spec exited',
    lastFailureAt: NOW - 5_000,
  }
  const paused = (
    spec: Omit<SpecSketch, 'scope'>,
    engines: readonly EngineSketch[],
    more: Partial<Sketch> = {},
  ) => scene({ ...none(spec, engines), rollout, ...more })
  const conditionOf = (input: PlanInput) =>
    planFleet(input).conditions.find(({ type }) => type === 'RolloutPaused')

  it('begins when an engine of the new spec fails its start', () => {
    const failing: EngineSketch = { slot: '2', state: 'exited', ready: false, ageMs: 3_000 }
    const plan = planFleet(scene(none({ replicas: 2 }, [...outdated('0', '1'), failing])))
    expect(plan.bookkeeping).toContainEqual({
      kind: 'setRollout',
      note: { ...rollout, lastFailureAt: NOW },
    })
    expect(plan.conditions).toContainEqual(
      expect.objectContaining({ type: 'RolloutPaused', reason: 'StartFailed' }),
    )
  })

  it('keeps every old engine, and tries one new one', () => {
    const input = paused(
      { replicas: 4, maxSurge: 2, maxUnavailable: 2 },
      outdated('0', '1', '2', '3'),
    )
    expect(deeds(planFleet(input))).toEqual(['create 4 on a'])
  })

  it('is lifted by an engine of the new spec that becomes ready', () => {
    const engines = [...outdated('0', '1'), { slot: '2', readyForMs: 1_000 }]
    const plan = planFleet(paused({ replicas: 2 }, engines))
    expect(plan.bookkeeping).toContainEqual({ kind: 'setRollout', note: undefined })
    expect(deeds(plan)).toEqual(['drain 0'])
  })

  it('is not lifted by one that was ready before the failure', () => {
    const engines = [...outdated('0', '1'), { slot: '2', readyForMs: 60_000 }]
    expect(conditionOf(paused({ replicas: 2 }, engines))).toBeDefined()
  })

  it('is lifted by another spec', () => {
    const input = paused({ replicas: 2, image: 'engine:newer' }, outdated('0', '1'))
    expect(planFleet(input).bookkeeping).toContainEqual({ kind: 'setRollout', note: undefined })
    expect(conditionOf(input)).toBeUndefined()
  })

  it('does not keep the fleet from shrinking (L1)', () => {
    expect(deeds(planFleet(paused({ replicas: 1 }, outdated('0', '1', '2'))))).toEqual([
      'drain 0',
      'drain 1',
    ])
  })

  it('does not keep the fleet from being deleted (L1)', () => {
    const input = paused({ replicas: 2 }, outdated('0', '1'), { requests: [{ kind: 'delete' }] })
    expect(deeds(planFleet(input))).toEqual(['drain 0', 'drain 1'])
  })

  it('makes room for the engine that is tried, where there is no surge', () => {
    const spec = { replicas: 2, maxSurge: 0, maxUnavailable: 1 }
    expect(deeds(planFleet(paused(spec, outdated('0', '1'))))).toEqual(['drain 0'])
    const tried: EngineSketch = { slot: '0', ready: false, ageMs: 1_000 }
    expect(deeds(planFleet(paused(spec, [tried, ...outdated('1')])))).toEqual([])
  })

  it('is not begun by an engine whose VPN node was replaced meanwhile', () => {
    const failing: EngineSketch = {
      slot: '1',
      state: 'exited',
      ready: false,
      networkMode: `container:${idOf('before')}`,
      joinedRunning: false,
    }
    const plan = planFleet(scene(none({ replicas: 1 }, [...outdated('0'), failing])))
    expect(plan.bookkeeping).toEqual([])
  })

  it('is not begun by an engine that was ready once', () => {
    const crashed: EngineSketch = { slot: '1', state: 'exited', ready: false, wasReady: true }
    expect(
      planFleet(scene(none({ replicas: 1 }, [...outdated('0'), crashed]))).bookkeeping,
    ).toEqual([])
  })
})
