import { describe, expect, it } from 'vitest'
import { course } from '../../test/harness/model-world.ts'
import { deeds, NOW, type NodeSketch, type Sketch, scene } from '../../test/harness/scene.ts'
import { planFleet } from './plan.ts'

const plan = (sketch: Sketch) => planFleet(scene(sketch))

const a: NodeSketch = { name: 'a', port: 51_000 }
const b: NodeSketch = { name: 'b', port: 52_000, since: NOW - 40_000 }

/** A fleet of one engine, the forwarded one, on a; it was asked for on b. */
const asked = (change: Partial<Sketch> = {}): Sketch => ({
  spec: { replicas: 1 },
  nodes: [a, b],
  engines: [{ slot: 'forwarded', on: 'a' }],
  requests: [{ kind: 'forward', node: 'b' }],
  ...change,
})

const ended = (sketch: Sketch) =>
  plan(sketch).bookkeeping.filter((entry) => entry.kind === 'endForward')

describe('a forwarded engine that was asked for on another node', () => {
  it('is drained, removed and created there, never two at once; then the request is over (I1)', () => {
    const { story, end } = course(scene(asked()))
    expect(story.filter(({ length }) => length > 0)).toEqual([
      ['drain forwarded'],
      ['stop forwarded'],
      ['remove forwarded'],
      ['create forwarded on b'],
      ['noteReady forwarded'],
    ])
    expect(end.memory.requests).toEqual([])
  })

  it('stays there afterwards, though another node is better (sticky)', () => {
    const { end } = course(scene(asked()))
    const { actions, forwarding } = planFleet(end)
    expect(actions).toEqual([])
    expect(forwarding).toMatchObject([{ node: 'b', rule: 'stays', held: true }])
  })

  it('is drained first while it has viewers, and another is not created meanwhile (I1, I5)', () => {
    const engines = [{ slot: 'forwarded', on: 'a', streams: 1 }]
    expect(deeds(plan(asked({ engines })))).toEqual(['drain forwarded'])
    const draining = [{ slot: 'forwarded', on: 'a', streams: 1, mark: {} }]
    const { forwarding, bookkeeping, actions } = plan(asked({ engines: draining }))
    expect(actions.filter((each) => each.verb === 'create' && each.forwarded)).toEqual([])
    expect(bookkeeping).toEqual([])
    expect(forwarding).toMatchObject([{ node: 'b', rule: 'asked', held: false }])
  })

  it('is elected there when there is none yet, and the event says who wished it', () => {
    const [create] = plan(asked({ engines: [] })).actions
    expect(create).toMatchObject({
      vpn: 'b',
      why: { message: 'elected on b, port 52000, asked for by forward --to' },
    })
  })

  it('is there already: the request is over, and nothing is done', () => {
    const sketch = asked({ engines: [{ slot: 'forwarded', on: 'b' }] })
    expect(deeds(plan(sketch))).toEqual([])
    expect(ended(sketch)).toEqual([{ kind: 'endForward', node: 'b', dropped: undefined }])
  })

  it('leaves a node that cannot be judged: it is the user who moves it', () => {
    const unknown: NodeSketch = { ...a, state: 'unknown' }
    expect(deeds(plan(asked({ nodes: [unknown, b] })))).toEqual(['drain forwarded'])
  })

  it.each<[string, Partial<Sketch>, string]>([
    [
      'lost its port',
      { nodes: [a, { ...b, port: 0 }] },
      'b has no forwarded port (is VPN_PORT_FORWARDING=on, and does the server support it?)',
    ],
    ['is down', { nodes: [a, { ...b, state: 'down' }] }, 'b is down: b is not up'],
    ['is degraded', { nodes: [a, { ...b, state: 'degraded' }] }, 'b is degraded: b is not up'],
    ['is cordoned', { nodes: [a, { ...b, cordon: true }] }, 'b is cordoned'],
    ['left the spec', { nodes: [a] }, 'b left the spec'],
    [
      'forwards a port that is taken there',
      { nodes: [a, { ...b, port: 8_888 }] },
      'b forwards port 8888, but that or another port of the engine is taken there',
    ],
    [
      'has a foreign forwarded engine',
      { foreign: [{ name: 'other', forwardedOn: 'b' }] },
      'b carries a foreign forwarded engine',
    ],
    ['is not the preferred one', { spec: { replicas: 1, prefer: 'a' } }, 'the spec prefers a'],
    [
      'has one of its own by scope vpn',
      { spec: { replicas: 2, scope: 'vpn' } },
      'forwarding.scope is vpn now',
    ],
    ['may have none', { spec: { replicas: 1, scope: 'none' } }, 'forwarding.scope is none now'],
    ['is in a fleet of none', { spec: { replicas: 0 } }, 'the spec wants no engine'],
  ])('is not moved to one that %s: the request is dropped for that', (_, change, dropped) => {
    const sketch = asked(change)
    expect(ended(sketch)).toEqual([{ kind: 'endForward', node: 'b', dropped }])
    for (const { why } of plan(sketch).actions) expect(why.message).not.toContain('forward --to')
  })

  it('waits for a node that cannot be judged (I9)', () => {
    const sketch = asked({ nodes: [a, { ...b, state: 'unknown', port: 0 }] })
    expect(deeds(plan(sketch))).toEqual([])
    expect(ended(sketch)).toEqual([])
  })

  it('waits where its image is missing: no successor could be made', () => {
    const { actions, bookkeeping } = planFleet({ ...scene(asked()), lacksImage: true })
    expect(actions).toEqual([])
    expect(bookkeeping).toEqual([])
  })
})
