import fc from 'fast-check'
import { expect, it } from 'vitest'
import { NOW, type NodeSketch, type Sketch, scene } from '../../test/harness/scene.ts'
import { planFleet } from './plan.ts'

const NAMES = ['a', 'b', 'c'] as const

const anyNode = (name: string, index: number): fc.Arbitrary<NodeSketch> =>
  fc
    .record({
      state: fc.constantFrom('up' as const, 'up' as const, 'degraded' as const, 'down' as const),
      isGranted: fc.boolean(),
      upForMs: fc.constantFrom(0, 30_000, 61_000, 700_000, 4_000_000),
      portLosses: fc.nat(3),
    })
    .map(({ state, isGranted, upForMs, portLosses }) => ({
      ...{ name, state, portLosses, lost: false },
      port: isGranted ? 51_000 + index : 0,
      readySince: state === 'up' ? NOW - upForMs : undefined,
    }))

const anyNodes = fc.tuple(...NAMES.map(anyNode))
const anyName = fc.constantFrom(...NAMES)
const fits = (node: NodeSketch | undefined) =>
  (node?.state === 'up' || node?.state === 'degraded') && node.port !== 0

it('a forwarded engine that fits its node stays there, however much better others are', () => {
  fc.assert(
    fc.property(anyNodes, anyName, (nodes, on) => {
      fc.pre(fits(nodes.find(({ name }) => name === on)))
      const engines = [{ slot: 'forwarded', on }]
      const { actions, forwarding } = planFleet(scene({ spec: { replicas: 1 }, nodes, engines }))
      expect(actions).toEqual([])
      expect(forwarding).toMatchObject([{ node: on, held: true }])
    }),
  )
})

it('none is elected on, or moved to, a degraded node while one with a port is up', () => {
  fc.assert(
    fc.property(
      anyNodes,
      fc.option(anyName, { nil: undefined }),
      fc.option(anyName, { nil: undefined }),
      (nodes, prefer, asked) => {
        const isBetter = nodes.some((node) => node.state === 'up' && fits(node))
        fc.pre(isBetter)
        const sketch: Sketch = {
          spec: { replicas: 1, ...(prefer === undefined ? {} : { prefer }) },
          nodes,
          requests: asked === undefined ? [] : [{ kind: 'forward', node: asked }],
        }
        const stateOf = (name: string | undefined) =>
          nodes.find((node) => node.name === name)?.state
        const [create] = planFleet(scene(sketch)).actions
        expect(create?.verb === 'create' && stateOf(create.vpn)).toBe('up')
        for (const { name } of nodes.filter((node) => node.state === 'up')) {
          const engines = [{ slot: 'forwarded', on: name }]
          const { forwarding } = planFleet(scene({ ...sketch, engines }))
          expect(forwarding.map(({ node }) => stateOf(node))).toEqual(['up'])
        }
      },
    ),
  )
})
