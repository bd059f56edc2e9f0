import { describe, expect, it } from 'vitest'
import { deeds, type EngineSketch, type NodeSketch, scene } from '../../test/harness/scene.ts'
import { planFleet } from './plan.ts'

const doings = (
  replicas: number,
  nodes: readonly NodeSketch[],
  engines: readonly EngineSketch[] = [],
) => deeds(planFleet(scene({ spec: { replicas, scope: 'none' }, nodes, engines })))

describe('the ports of a slot', () => {
  it("are passed over on a node where one of them is Gluetun's own (I11)", () => {
    const a = { name: 'a', ports: { first: 8_386, last: 8_399 } }
    expect(doings(2, [a])).toEqual(['create 0 on a', 'create 2 on a'])
  })

  it('are passed over on a node that forwards one of them, in whatever scope (I11)', () => {
    expect(doings(1, [{ name: 'a', port: 19_001 }])).toEqual(['create 1 on a'])
    expect(doings(1, [{ name: 'a', port: 18_001 }])).toEqual(['create 1 on a'])
  })

  it('are used on another node where they are free', () => {
    const nodes = [{ name: 'a', port: 19_001 }, { name: 'b' }]
    expect(
      doings(1, nodes, [
        { slot: '1', on: 'a' },
        { slot: '2', on: 'b' },
      ]),
    ).not.toContain('create 0 on a')
    expect(
      doings(3, nodes, [
        { slot: '1', on: 'a' },
        { slot: '2', on: 'a' },
      ]),
    ).toEqual(['create 0 on b'])
  })

  it('are passed over while another engine listens on one of them under an older range (I11)', () => {
    const old: EngineSketch = {
      slot: '0',
      on: 'a',
      streams: 1,
      mark: {},
      labels: { httpPort: 19_002 },
    }
    expect(doings(1, [{ name: 'a' }], [old])).toEqual([])
    const spec = { replicas: 1, scope: 'none' as const, maxSurge: 2 }
    const plan = planFleet(scene({ spec, nodes: [{ name: 'a' }], engines: [old] }))
    expect(deeds(plan)).toEqual(['create 2 on a'])
  })

  it('are passed over without a VPN while another is published on the same host port (I11)', () => {
    const old: EngineSketch = { slot: '0', labels: { httpPort: 19_002 } }
    const plan = planFleet(scene({ spec: { replicas: 1, maxSurge: 2 }, engines: [old] }))
    expect(deeds(plan)).toEqual(['create 2'])
  })

  it('may be the same in two namespaces', () => {
    const ports = { first: 19_000, last: 19_499 }
    const nodes = [
      { name: 'a', ports, port: 51_000 },
      { name: 'b', ports },
    ]
    expect(doings(2, nodes)).toEqual(['create 0 on a', 'create 1 on b'])
  })
})

describe('a VPN node', () => {
  it('gets no engine while it is cordoned, and keeps those that it has', () => {
    const nodes = [{ name: 'a', cordon: true }, { name: 'b' }]
    expect(doings(3, nodes, [{ slot: '0', on: 'a' }])).toEqual(['create 1 on b', 'create 2 on b'])
  })

  it.each(['down', 'unknown'] as const)('gets no engine while it is %s (I10)', (state) => {
    expect(doings(2, [{ name: 'a', state, lost: false }, { name: 'b' }])).toEqual([
      'create 0 on b',
      'create 1 on b',
    ])
  })

  it('counts dead and marked engines for nothing (I4)', () => {
    const engines: EngineSketch[] = [
      { slot: '0', on: 'a', state: 'exited', ready: false },
      { slot: '1', on: 'a', mark: {}, streams: 1 },
      { slot: '2', on: 'b' },
    ]
    const plan = planFleet(
      scene({
        spec: { replicas: 2, scope: 'none', maxSurge: 2 },
        nodes: [{ name: 'a' }, { name: 'b' }],
        engines,
      }),
    )
    expect(deeds(plan)).toContain('create 3 on a')
  })
})

describe('a degraded node', () => {
  const degraded: NodeSketch = { name: 'a', state: 'degraded', reason: 'EnginesOffline' }
  const full: EngineSketch[] = [0, 1, 2].map((i) => ({ slot: `${i}`, on: 'b' }))

  it('gets no new engine while another node is up, however full that is (I4)', () => {
    expect(doings(4, [degraded, { name: 'b' }], full)).toEqual(['create 3 on b'])
  })

  it('gets new engines when no other that takes any is up', () => {
    expect(doings(1, [degraded])).toEqual(['create 0 on a'])
    expect(doings(1, [degraded, { name: 'b', state: 'down' }])).toEqual(['create 0 on a'])
    expect(doings(1, [degraded, { name: 'b', cordon: true }])).toEqual(['create 0 on a'])
    const both: NodeSketch[] = [degraded, { name: 'b', state: 'degraded' }]
    expect(doings(2, both)).toEqual(['create 0 on a', 'create 1 on b'])
  })

  it('keeps its engines, idle ones too (I9)', () => {
    const there: EngineSketch[] = [0, 1, 2].map((i) => ({ slot: `${i}`, on: 'a' }))
    expect(doings(3, [degraded, { name: 'b' }], there)).toEqual([])
  })
})
