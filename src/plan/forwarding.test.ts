import { describe, expect, it } from 'vitest'
import { course } from '../../test/harness/model-world.ts'
import { deeds, idOf, NOW, type NodeSketch, type Sketch, scene } from '../../test/harness/scene.ts'
import type { Generation } from '../observe/observation.ts'
import { planFleet } from './plan.ts'

const plan = (sketch: Sketch) => planFleet(scene(sketch))
const doings = (sketch: Sketch) => deeds(plan(sketch))
const conditionsOf = (sketch: Sketch) =>
  plan(sketch).conditions.filter(
    ({ type }) => type === 'NoForwardedPort' || type === 'ForwardedConflict',
  )
const storyOf = (sketch: Sketch) => course(scene(sketch)).story.filter(({ length }) => length > 0)

const a: NodeSketch = { name: 'a', port: 51_000, since: NOW - 50_000 }
const b: NodeSketch = { name: 'b', port: 52_000, since: NOW - 40_000 }

describe('the one forwarded engine of a fleet', () => {
  it('is elected on the node that has been up longest, with its port and the label (I1)', () => {
    const [create] = plan({ spec: { replicas: 1 }, nodes: [b, a] }).actions
    expect(create).toMatchObject({
      verb: 'create',
      slot: 'forwarded',
      vpn: 'a',
      spec: {
        name: 'home.forwarded',
        labels: { 'acestream.forwarded': 'true', 'acefleet.p2p-port': '51000' },
        env: expect.arrayContaining(['P2P_PORT=51000']),
      },
    })
  })

  it('stays where it is when another node has been up longer', () => {
    expect(
      doings({ spec: { replicas: 1 }, nodes: [a, b], engines: [{ slot: 'forwarded', on: 'b' }] }),
    ).toEqual([])
  })

  it('is elected on a degraded node only where no other can be, and stays on one (I9)', () => {
    const degraded: NodeSketch = { ...a, state: 'degraded' }
    const spec = { replicas: 1, prefer: 'a' }
    expect(doings({ spec, nodes: [degraded, b] })).toEqual(['create forwarded on b'])
    expect(doings({ spec, nodes: [degraded, { ...b, port: 0 }] })).toEqual([
      'create forwarded on a',
    ])
    const onB = [{ slot: 'forwarded', on: 'b' }]
    expect(doings({ spec, nodes: [degraded, b], engines: onB })).toEqual([])
    const onA = [{ slot: 'forwarded', on: 'a' }]
    expect(doings({ spec: { replicas: 1 }, nodes: [degraded, b], engines: onA })).toEqual([])
  })

  it('stays while its node cannot be judged (I9)', () => {
    const unknown: NodeSketch = { ...b, state: 'unknown', port: 0 }
    expect(
      doings({
        spec: { replicas: 1 },
        nodes: [a, unknown],
        engines: [{ slot: 'forwarded', on: 'b' }],
      }),
    ).toEqual([])
  })

  it('stays while its node is down and no other is up (I9)', () => {
    const down: NodeSketch = { ...b, state: 'down', lost: true }
    const sketch: Sketch = {
      spec: { replicas: 1 },
      nodes: [down],
      engines: [{ slot: 'forwarded', on: 'b' }],
    }
    expect(doings(sketch)).toEqual([])
  })

  it('is given up when its node is lost and another is up, and elected there once it is gone (L2)', () => {
    const down: NodeSketch = { ...a, state: 'down', lost: true }
    const sketch: Sketch = {
      spec: { replicas: 1 },
      nodes: [down, b],
      engines: [{ slot: 'forwarded', on: 'a' }],
    }
    expect(storyOf(sketch)).toEqual([
      ['stop forwarded failed'],
      ['remove forwarded'],
      ['create forwarded on b'],
      ['noteReady forwarded'],
    ])
  })

  it('moves to the preferred node as soon as that has a port', () => {
    const sketch: Sketch = {
      spec: { replicas: 1, prefer: 'b' },
      nodes: [a, { ...b, port: 0 }],
      engines: [{ slot: 'forwarded', on: 'a' }],
    }
    expect(doings(sketch)).toEqual([])
    expect(doings({ ...sketch, nodes: [a, b] })).toEqual(['drain forwarded'])
  })

  it('does not move to a preferred node that is cordoned', () => {
    const nodes = [a, { ...b, cordon: true }]
    expect(
      doings({
        spec: { replicas: 1, prefer: 'b' },
        nodes,
        engines: [{ slot: 'forwarded', on: 'a' }],
      }),
    ).toEqual([])
  })

  it('is replaced at once when its node forwards another port', () => {
    const sketch: Sketch = {
      spec: { replicas: 1 },
      nodes: [a],
      engines: [{ slot: 'forwarded', labels: { p2pPort: 50_999 } }],
    }
    expect(storyOf(sketch)).toEqual([
      ['drain forwarded'],
      ['stop forwarded'],
      ['remove forwarded'],
      ['create forwarded on a'],
      ['noteReady forwarded'],
    ])
    expect(plan(sketch).actions[0]).toMatchObject({
      why: {
        reason: 'ForwardedPortChanged',
        message: "a's forwarded port is 51000 now, was 50999",
      },
    })
  })

  it('makes room for an ordinary one when its port is lost for good, and says so', () => {
    const sketch: Sketch = {
      spec: { replicas: 1 },
      nodes: [{ ...a, port: 0 }],
      engines: [{ slot: 'forwarded', labels: { p2pPort: 51_000 } }],
    }
    expect(doings(sketch)).toEqual(['drain forwarded', 'create 0 on a'])
    expect(conditionsOf(sketch)).toMatchObject([
      { type: 'NoForwardedPort', message: expect.stringContaining('a has no forwarded port') },
    ])
  })

  it('takes the place of an ordinary one when a port is granted', () => {
    const sketch: Sketch = {
      spec: { replicas: 2 },
      nodes: [a],
      engines: [{ slot: '0' }, { slot: '1' }],
    }
    expect(storyOf(sketch)).toEqual([
      ['drain 0', 'create forwarded on a'],
      ['stop 0'],
      ['remove 0'],
      ['noteReady forwarded'],
    ])
  })

  it('is not elected beside one of ours that carries the label under another name (I1)', () => {
    const renamed = { slot: 'forwarded', name: 'somebody', on: 'a' }
    expect(doings({ spec: { replicas: 2 }, nodes: [a, b], engines: [renamed] })).toEqual([
      'drain forwarded',
      'create 0 on b',
    ])
  })

  it('is not elected beside an ordinary engine that was tampered with the label (I1)', () => {
    const tampered = { slot: '0', on: 'a', labels: { forwarded: true } }
    expect(storyOf({ spec: { replicas: 1 }, nodes: [a], engines: [tampered] })).toEqual([
      ['drain 0'],
      ['stop 0'],
      ['create forwarded on a', 'remove 0'],
      ['noteReady forwarded'],
    ])
  })

  it('is not elected while its create is under way, whatever became of it (I1)', () => {
    for (const outcome of ['inFlight', 'unknown'] as const) {
      const pending = [{ verb: 'create' as const, slot: 'forwarded', vpn: 'a', outcome }]
      expect(doings({ spec: { replicas: 1 }, nodes: [a, b], pending })).toEqual([])
    }
  })

  it('is not elected where a foreign container carries the label, which is named with what removes it (I8)', () => {
    const foreign = [{ name: 'other', forwardedOn: 'a' }]
    const sketch: Sketch = { spec: { replicas: 1 }, nodes: [a, b], foreign }
    expect(doings(sketch)).toEqual(['create forwarded on b'])
    expect(conditionsOf(sketch)).toMatchObject([
      { type: 'ForwardedConflict', message: expect.stringContaining('docker rm -f other') },
    ])
  })

  it('is elected elsewhere when its port is one that an engine there listens on, which is moved off it (I11)', () => {
    const sketch: Sketch = {
      spec: { replicas: 2 },
      nodes: [{ ...a, port: 19_001 }, b],
      engines: [{ slot: '0', on: 'a', streams: 1 }],
    }
    expect(doings(sketch)).toEqual(['create forwarded on b', 'create 1 on a'])
  })

  it('gets its port from the ordinary engine that listens there, when no other node has one (I11)', () => {
    const sketch: Sketch = {
      spec: { replicas: 2 },
      nodes: [{ ...a, port: 19_001 }],
      engines: [{ slot: '0' }, { slot: '1' }],
    }
    const { story, end } = course(scene(sketch))
    expect(story.flat()).toContain('create forwarded on a')
    expect(end.observation.engines.map(({ slot }) => slot).sort()).toEqual(['1', 'forwarded'])
  })

  it('keeps its place while it drains for a move, and an ordinary one stands in for its viewers', () => {
    const sketch: Sketch = {
      spec: { replicas: 2, prefer: 'b' },
      nodes: [a, b],
      engines: [
        { slot: 'forwarded', on: 'a', streams: 1, mark: {} },
        { slot: '0', on: 'b' },
      ],
    }
    expect(doings(sketch)).toEqual(['create 1 on a'])
  })

  it('leaves a VPN node that left the spec', () => {
    const sketch: Sketch = {
      spec: { replicas: 1 },
      nodes: [a],
      engines: [
        {
          slot: 'forwarded',
          networkMode: `container:${idOf('gone')}`,
          joinedRunning: true,
          labels: { vpnContainer: 'gone', vpnGeneration: 'gone@1' as Generation, p2pPort: 50_000 },
        },
      ],
    }
    expect(storyOf(sketch).flat()).toContain('create forwarded on a')
  })

  it('is no more wanted when nothing is', () => {
    expect(
      storyOf({ spec: { replicas: 0 }, nodes: [a], engines: [{ slot: 'forwarded' }] }),
    ).toEqual([['drain forwarded'], ['stop forwarded'], ['remove forwarded']])
  })
})

describe('forwarded engines of scope vpn', () => {
  const spec = { replicas: 3, scope: 'vpn' as const }

  it('come one on each node with a port, and ordinary ones fill in for the rest', () => {
    const nodes = [a, b, { name: 'c' }]
    expect(doings({ spec, nodes })).toEqual([
      'create a.forwarded on a',
      'create b.forwarded on b',
      'create 0 on c',
    ])
  })

  it('come first to where they are held, with fewer replicas than nodes', () => {
    const sketch: Sketch = {
      spec: { ...spec, replicas: 1 },
      nodes: [a, b],
      engines: [{ slot: 'b.forwarded', on: 'b' }],
    }
    expect(doings(sketch)).toEqual([])
  })

  it('replace the one of scope fleet when the scope is edited, never beside it (I1)', () => {
    const sketch: Sketch = {
      spec: { ...spec, replicas: 2 },
      nodes: [a, b],
      engines: [{ slot: 'forwarded', on: 'a' }],
    }
    expect(storyOf(sketch)).toEqual([
      ['drain forwarded', 'create b.forwarded on b'],
      ['stop forwarded'],
      ['create a.forwarded on a', 'remove forwarded'],
      ['noteReady b.forwarded'],
      ['noteReady a.forwarded'],
    ])
  })

  it('are not elected beside the one of scope fleet whose create is under way there (I1)', () => {
    const pending = [{ verb: 'create' as const, slot: 'forwarded', vpn: 'a' }]
    expect(doings({ spec, nodes: [a, b], pending })).not.toContain('create a.forwarded on a')
  })

  it('give way when they sit on a node that is not theirs (I1)', () => {
    const sketch: Sketch = { spec, nodes: [a, b], engines: [{ slot: 'a.forwarded', on: 'b' }] }
    expect(doings(sketch)).toContain('drain a.forwarded')
    expect(doings(sketch)).not.toContain('create b.forwarded on b')
  })
})

describe('scope none', () => {
  it('wants no forwarded engine, whatever ports there are', () => {
    const sketch: Sketch = { spec: { replicas: 1, scope: 'none' }, nodes: [a] }
    expect(doings(sketch)).toEqual(['create 0 on a'])
    expect(conditionsOf(sketch)).toEqual([])
  })
})
