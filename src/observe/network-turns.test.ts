import { describe, expect, it } from 'vitest'
import { NOW, type NodeSketch, type Sketch, scene } from '../../test/harness/scene.ts'
import { probeTargets } from './engines.ts'

const cutOff = { network: { connected: false, since: NOW - 5_000, at: NOW - 5_000 } }

/** How often each engine is asked about its network, by slot. */
function turns(nodes: readonly NodeSketch[], engines: Sketch['engines'] = []) {
  const { observation, fleet } = scene({ spec: { replicas: 2 }, nodes, engines })
  const targets = probeTargets(observation.engines, observation.nodes, fleet, new Map(), NOW)
  return observation.engines.map(({ id }) => targets.find((each) => each.id === id)?.network)
}

const onAAndB: Sketch['engines'] = [
  { slot: '0', on: 'a' },
  { slot: '1', on: 'b' },
]

describe('an engine is asked about its network', () => {
  it('seldom while all is well, and never where there is no VPN', () => {
    expect(turns([{ name: 'a' }, { name: 'b' }], onAAndB)).toEqual(['seldom', 'seldom'])
    expect(turns([], [{ slot: '0' }])).toEqual(['never'])
  })

  it('often once one behind the same tunnel is cut off, but not for ever', () => {
    const nodes = [{ name: 'a' }, { name: 'b' }]
    const engines: Sketch['engines'] = [
      { slot: '0', on: 'a', health: cutOff },
      { slot: '1', on: 'a' },
      { slot: '2', on: 'b' },
    ]
    expect(turns(nodes, engines)).toEqual(['often', 'often', 'seldom'])
    const old = { network: { connected: false, since: NOW - 3_600_000, at: NOW - 5_000 } }
    expect(turns(nodes, [{ slot: '0', on: 'a', health: old }])).toEqual(['seldom'])
  })

  it('often after a reconnect, and while its node is down with a container that runs', () => {
    const back = { name: 'a', reconnectedAt: NOW - 10_000 }
    expect(turns([back, { name: 'b' }], onAAndB)).toEqual(['often', 'seldom'])
    expect(turns([{ ...back, reconnectedAt: NOW - 600_000 }, { name: 'b' }], onAAndB)).toEqual([
      'seldom',
      'seldom',
    ])
    const down: NodeSketch = { name: 'a', state: 'down', reason: 'TunnelDead' }
    expect(turns([down, { name: 'b' }], onAAndB)).toEqual(['often', 'seldom'])
  })
})
