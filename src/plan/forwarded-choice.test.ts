import { describe, expect, it } from 'vitest'
import { NOW, type NodeSketch, type Sketch, scene } from '../../test/harness/scene.ts'
import { planFleet } from './plan.ts'

const choices = (sketch: Sketch) => planFleet(scene(sketch)).forwarding

const a: NodeSketch = { name: 'a', port: 51_000, since: NOW - 11_400_000 }
const b: NodeSketch = { name: 'b', port: 52_000, since: NOW - 120_000, portLosses: 2 }
const spec = { replicas: 1 }
const on = (node: string) => [{ slot: 'forwarded', on: node }]

describe('why a forwarded engine is where it is', () => {
  it('is the health of its node, beside that of the others', () => {
    const candidates = [
      { node: 'a', state: 'up', readySince: a.since, portLosses: 0, obstacle: undefined },
      { node: 'b', state: 'up', readySince: b.since, portLosses: 2, obstacle: undefined },
    ]
    const chosen = { slot: 'forwarded', node: 'a', rule: 'healthiest', candidates }
    expect(choices({ spec, nodes: [b, a] })).toEqual([{ ...chosen, held: false }])
    expect(choices({ spec, nodes: [b, a], engines: on('a') })).toEqual([{ ...chosen, held: true }])
  })

  it('is that nothing drives it away, where another would be chosen by now', () => {
    expect(choices({ spec, nodes: [a, b], engines: on('b') })).toMatchObject([
      { node: 'b', rule: 'stays', held: true, candidates: [{ node: 'b' }, { node: 'a' }] },
    ])
  })

  it('is the spec that prefers it', () => {
    const sketch = { spec: { ...spec, prefer: 'b' }, nodes: [a, b] }
    expect(choices(sketch)).toMatchObject([{ node: 'b', rule: 'preferred', held: false }])
    expect(choices({ ...sketch, engines: on('b') })).toMatchObject([{ rule: 'preferred' }])
  })

  it('is that it has no other node, as with one of its own on each', () => {
    const sketch: Sketch = { spec: { replicas: 2, scope: 'vpn' }, nodes: [a, b] }
    expect(choices(sketch)).toMatchObject([
      { slot: 'a.forwarded', node: 'a', rule: 'only' },
      { slot: 'b.forwarded', node: 'b', rule: 'only' },
    ])
  })

  it('names what stands against the others', () => {
    const nodes = [a, { ...b, port: 0 }]
    expect(choices({ spec, nodes })[0]?.candidates[1]?.obstacle).toContain(
      'b has no forwarded port',
    )
  })

  it('stays told while its node cannot be judged (I9)', () => {
    const nodes = [a, { ...b, state: 'unknown' as const }]
    expect(choices({ spec, nodes, engines: on('b') })).toMatchObject([
      {
        node: 'b',
        rule: 'stays',
        candidates: [{ node: 'b', obstacle: 'b is unknown: b is not up' }, {}],
      },
    ])
  })

  it('is not told of a place that nobody can have', () => {
    expect(choices({ spec, nodes: [{ ...a, port: 0 }] })).toEqual([])
  })
})
