import { describe, expect, it } from 'vitest'
import { course } from '../../test/harness/model-world.ts'
import {
  deeds,
  type EngineSketch,
  NOW,
  type NodeSketch,
  type Sketch,
  scene,
} from '../../test/harness/scene.ts'
import { planFleet } from './plan.ts'

const nodes: NodeSketch[] = [{ name: 'a' }, { name: 'b' }]

/** Who goes, in order, when a fleet shrinks to `replicas`. */
function leaving(
  replicas: number,
  engines: readonly EngineSketch[],
  on = nodes,
): readonly string[] {
  return deeds(planFleet(scene({ spec: { replicas, scope: 'none' }, nodes: on, engines })))
}

describe('scaling down', () => {
  it('lets go first who is not ready, however empty its node', () => {
    const engines = [
      { slot: '0', on: 'a' },
      { slot: '1', on: 'a' },
      { slot: '2', on: 'b', ready: false, wasReady: true },
    ]
    expect(leaving(2, engines)).toEqual(['drain 2'])
  })

  it('then who is on the fullest node', () => {
    const engines = [
      { slot: '0', on: 'b' },
      { slot: '1', on: 'a', streams: 2 },
      { slot: '2', on: 'a', streams: 1 },
    ]
    expect(leaving(2, engines)).toEqual(['drain 2'])
  })

  it('sees the load that each one before has left behind (I4)', () => {
    const engines = ['0', '1', '2', '3', '4', '5'].map((slot) => ({
      slot,
      on: Number(slot) < 4 ? 'a' : 'b',
    }))
    const { end } = course(scene({ spec: { replicas: 2, scope: 'none' }, nodes, engines }))
    const homes = end.observation.engines.map(({ labels }) => labels.vpnContainer)
    expect(homes.sort()).toEqual(['a', 'b'])
  })

  it('then who has the fewest streams, an unknown count being the most (I5)', () => {
    const old = { ageMs: 3_600_000 }
    const engines = [
      { slot: '0', streams: 2, ...old },
      { slot: '1', streams: 1, ...old },
      { slot: '2', streams: 3, ...old },
    ]
    expect(leaving(2, engines)).toEqual(['drain 1'])
    const forgotten = scene({
      spec: { replicas: 1, scope: 'none' },
      nodes,
      engines: [{ slot: '0' }, { slot: '1', streams: 2, ageMs: 500 }],
      bornAt: NOW - 1_000,
    })
    expect(deeds(planFleet(forgotten))).toEqual(['drain 1'])
  })

  it('then the youngest', () => {
    const engines = [
      { slot: '0', ageMs: 9_000 },
      { slot: '1', ageMs: 5_000 },
      { slot: '2', ageMs: 7_000 },
    ]
    expect(leaving(2, engines)).toEqual(['drain 1'])
  })

  it('and by slot where nothing else tells them apart, 2 before 10', () => {
    const engines = ['10', '2', '3'].map((slot) => ({ slot, ageMs: 5_000 }))
    expect(leaving(2, engines)).toEqual(['drain 2'])
  })

  it('lets go ordinary engines before the forwarded one', () => {
    const sketch: Sketch = {
      spec: { replicas: 1 },
      nodes: [{ name: 'a', port: 51_000 }],
      engines: [
        { slot: 'forwarded', ageMs: 1_000 },
        { slot: '0', ageMs: 9_000 },
      ],
    }
    expect(deeds(planFleet(scene(sketch)))).toEqual(['drain 0'])
  })

  it('lets viewers finish: a busy engine drains and is stopped when they have left (I5)', () => {
    const engines = [
      { slot: '0', streams: 2 },
      { slot: '1', streams: 1 },
    ]
    const { story } = course(
      scene({ spec: { replicas: 1, scope: 'none' }, nodes: [{ name: 'a' }], engines }),
    )
    expect(story.filter((round) => round.length > 0)).toEqual([
      ['drain 1'],
      ['stop 1'],
      ['remove 1'],
    ])
  })
})
