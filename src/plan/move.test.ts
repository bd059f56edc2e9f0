import { describe, expect, test } from 'vitest'
import { course } from '../../test/harness/model-world.ts'
import { deeds, NOW, type Sketch, scene } from '../../test/harness/scene.ts'
import { planFleet } from './plan.ts'

/** Three on one node, one on the other, and a busy one there that drains and so takes the only surge. */
const crowded: Sketch = {
  spec: { replicas: 4 },
  nodes: [{ name: 'a', port: 40_001 }, { name: 'b' }],
  engines: [
    { slot: '1', on: 'a' },
    { slot: '4', on: 'a' },
    { slot: '3', on: 'b' },
    { slot: '0', on: 'b', streams: 1, mark: { kind: 'draining', deadlineAt: NOW + 600_000 } },
  ],
}

const doings = (sketch: Sketch) => deeds(planFleet(scene(sketch)))

describe('a move to a less loaded node', () => {
  test('that no surge is left for keeps nobody waiting: the forwarded engine is rolled meanwhile (L1)', () => {
    const engines = [...(crowded.engines ?? []), { slot: 'forwarded', on: 'a', outdated: true }]
    expect(doings({ ...crowded, engines })).toEqual(['drain forwarded'])
  })

  test('begins when the surge is free again (I4)', () => {
    const engines = [
      ...(crowded.engines ?? []).filter((engine) => engine.slot !== '0'),
      { slot: 'forwarded', on: 'a' },
    ]
    expect(doings({ ...crowded, engines })).toEqual(['create 0 on b'])
  })

  test('counts the successor that still starts, and lets the moved one go when that is ready (I4)', () => {
    const sketch: Sketch = {
      spec: { replicas: 4, scope: 'none' },
      nodes: [{ name: 'a' }, { name: 'b' }],
      engines: [
        { slot: '0', on: 'a' },
        { slot: '1', on: 'a' },
        { slot: '2', on: 'a' },
        { slot: '3', on: 'b' },
      ],
    }
    const { engines = [] } = sketch
    const starting = { slot: '4', on: 'b', ready: false, ageMs: 500 }
    expect(doings({ ...sketch, engines: [...engines, starting] })).toEqual([])
    const story = course(scene(sketch)).story.filter((round) => round.length > 0)
    expect(story).toEqual([['create 4 on b'], ['noteReady 4', 'drain 0'], ['stop 0'], ['remove 0']])
  })

  test('is not begun while an engine is missing, for that one may restore the balance (I4)', () => {
    const sketch: Sketch = {
      spec: { replicas: 3, scope: 'none' },
      nodes: [{ name: 'a' }, { name: 'b' }],
      engines: [
        { slot: '0', on: 'a' },
        { slot: '1', on: 'a' },
      ],
    }
    expect(doings(sketch)).toEqual(['create 2 on b'])
  })

  test('makes room for itself without a surge, also from a slot that scaling took away (I4)', () => {
    const sketch: Sketch = {
      spec: { replicas: 2, maxSurge: 0, maxUnavailable: 1 },
      nodes: [{ name: 'a', port: 40_001 }, { name: 'b' }],
      engines: [
        { slot: 'forwarded', on: 'a' },
        { slot: '2', on: 'a' },
      ],
    }
    expect(doings(sketch)).toEqual(['drain 2'])
  })

  test('goes on when its successor has taken the last free place (L1)', () => {
    const sketch: Sketch = {
      spec: { replicas: 3, scope: 'none' },
      nodes: [{ name: 'a' }, { name: 'b' }],
      engines: [
        { slot: '0', on: 'a' },
        { slot: '1', on: 'a' },
        { slot: '2', on: 'a' },
      ],
    }
    expect(doings(sketch)).toEqual(['create 3 on b'])
    const successor = { slot: '3', on: 'b', ready: false, wasReady: false }
    expect(doings({ ...sketch, engines: [...(sketch.engines ?? []), successor] })).toEqual([])
  })
})
