import { describe, expect, test } from 'vitest'
import { deeds, type Sketch, scene } from '../../test/harness/scene.ts'
import { planFleet } from './plan.ts'

const onTwoNodes: Sketch = {
  spec: { replicas: 2 },
  nodes: [{ name: 'a', port: 40_001 }, { name: 'b' }],
}

describe('an image that is not there', () => {
  const plan = (sketch: Sketch, lacksImage: boolean) =>
    planFleet({ ...scene(sketch), lacksImage }).actions

  test.each<[string, Sketch]>([
    [
      'whose spec changed, surge or none',
      {
        spec: { replicas: 2, maxSurge: 0, maxUnavailable: 1 },
        engines: [
          { slot: '0', outdated: true },
          { slot: '1', outdated: true },
        ],
      },
    ],
    [
      'that is forwarded and goes first',
      { ...onTwoNodes, spec: { replicas: 1 }, engines: [{ slot: 'forwarded', outdated: true }] },
    ],
    [
      'whose port changed',
      {
        ...onTwoNodes,
        spec: { replicas: 1 },
        engines: [{ slot: 'forwarded', labels: { p2pPort: 1 } }],
      },
    ],
  ])('costs no engine %s', (_, sketch) => {
    expect(plan(sketch, false).map((action) => action.verb)).toContain('drain')
    expect(plan(sketch, true).filter((action) => action.verb !== 'create')).toEqual([])
  })
})

describe('the forwarded place whose name a foreign container holds', () => {
  const sketch: Sketch = {
    ...onTwoNodes,
    engines: [{ slot: '0', on: 'a' }],
    foreign: [{ name: 'home.forwarded', holdsSlot: 'forwarded' }],
  }

  test('is not waited for: an ordinary engine fills in', () => {
    expect(deeds(planFleet(scene(sketch)))).toEqual(['create 1 on b'])
  })

  test('is named with its holder', () => {
    const { conditions } = planFleet(scene(sketch))
    expect(conditions.find((c) => c.type === 'NoForwardedPort')?.message).toBe(
      'no forwarded engine for forwarded: the name home.forwarded is held by a container that is not ours',
    )
    expect(conditions.some((c) => c.type === 'NameConflict')).toBe(true)
  })

  test('gets its engine when the name is free again, and the ordinary one goes', () => {
    const engines = [
      { slot: '0', on: 'a' },
      { slot: '1', on: 'b' },
    ]
    const free = planFleet(scene({ ...sketch, engines, foreign: [] }))
    expect(deeds(free)).toContain('create forwarded on a')
  })
})
