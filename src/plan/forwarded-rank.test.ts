import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NOW, type NodeSketch, scene } from '../../test/harness/scene.ts'
import { rankNodes } from './forwarded-rank.ts'

const nodesOf = (nodes: readonly NodeSketch[]) =>
  scene({ spec: { replicas: 1 }, nodes }).observation.nodes

const ranked = (nodes: readonly NodeSketch[], favoured?: string) =>
  rankNodes(nodesOf(nodes), favoured, NOW).map(({ name }) => name)

const upFor = (name: string, seconds: number, portLosses = 0): NodeSketch => ({
  name,
  port: 51_000,
  portLosses,
  readySince: NOW - seconds * 1_000,
})

describe('nodes for a forwarded engine', () => {
  it('come in steps of readiness: below a minute, ten minutes, an hour, and above', () => {
    expect(ranked([upFor('a', 59), upFor('b', 60)])).toEqual(['b', 'a'])
    expect(ranked([upFor('a', 599), upFor('b', 600)])).toEqual(['b', 'a'])
    expect(ranked([upFor('a', 3_599), upFor('b', 3_600)])).toEqual(['b', 'a'])
  })

  it('count port losses within a step, and names where those are the same', () => {
    expect(ranked([upFor('a', 599, 1), upFor('b', 61)])).toEqual(['b', 'a'])
    expect(ranked([upFor('a', 900_000, 3), upFor('b', 3_601, 2)])).toEqual(['b', 'a'])
    expect(ranked([upFor('b', 599), upFor('a', 61)])).toEqual(['a', 'b'])
  })

  it('count readiness before port losses', () => {
    expect(ranked([upFor('a', 30), upFor('b', 700, 9)])).toEqual(['b', 'a'])
  })

  const anyNode = (name: string) =>
    fc.record({
      name: fc.constant(name),
      state: fc.constantFrom('up' as const, 'degraded' as const),
      readySince: fc.constantFrom(undefined, 0, 30_000, 61_000, 700_000, 4_000_000, 9_000_000),
      portLosses: fc.nat(3),
    })
  const anyNodes = fc.tuple(...['a', 'b', 'c', 'd'].map(anyNode)).map((nodes) =>
    nodesOf(
      nodes.map(({ readySince: ago, ...node }): NodeSketch => {
        const readySince = ago === undefined || node.state !== 'up' ? undefined : NOW - ago
        return { ...node, readySince }
      }),
    ),
  )
  const favoured = fc.constantFrom(undefined, 'a', 'd', 'nobody')

  it('are in a total order that does not depend on how they are listed', () => {
    fc.assert(
      fc.property(anyNodes, favoured, fc.nat(23), (nodes, favourite, turn) => {
        const order = rankNodes(nodes, favourite, NOW)
        const turned = [...nodes.slice(turn % 4), ...nodes.slice(0, turn % 4)].reverse()
        expect(rankNodes(turned, favourite, NOW)).toEqual(order)
        // Transitive: of any two, the order of all says what the order of both says.
        for (const [i, first] of order.entries())
          for (const second of order.slice(i + 1))
            expect(rankNodes([second, first], favourite, NOW)).toEqual([first, second])
      }),
    )
  })

  it('never have a degraded one before one that is up, whoever is favoured', () => {
    fc.assert(
      fc.property(anyNodes, favoured, (nodes, favourite) => {
        const states = rankNodes(nodes, favourite, NOW).map(({ state }) => state)
        expect(states).toEqual(states.toSorted((a, b) => (a < b ? 1 : -1)))
      }),
    )
  })
})
