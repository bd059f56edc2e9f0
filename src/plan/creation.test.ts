import { describe, expect, it } from 'vitest'
import { afterPlan, afterTime, course } from '../../test/harness/model-world.ts'
import {
  deeds,
  type EngineSketch,
  idOf,
  NOW,
  type NodeSketch,
  type Sketch,
  scene,
} from '../../test/harness/scene.ts'
import type { PlanInput } from './input.ts'
import { planFleet } from './plan.ts'

const nodes: NodeSketch[] = [{ name: 'a' }, { name: 'b' }]
const sketch = (replicas: number, more: Partial<Sketch> = {}): Sketch => ({
  spec: { replicas, scope: 'none' },
  nodes,
  ...more,
})
const plan = (of: Sketch) => planFleet(scene(of))
const doings = (of: Sketch) => deeds(plan(of))

describe('creating what is missing', () => {
  it('fills the lowest slots, on the least loaded node, each seeing the ones before (I4)', () => {
    const engines: EngineSketch[] = [{ slot: '1', on: 'a' }]
    expect(doings(sketch(5, { engines }))).toEqual([
      'create 0 on b',
      'create 2 on a',
      'create 3 on b',
      'create 4 on a',
    ])
  })

  it('counts creates that are under way, on their nodes and in their slots (I2, I4)', () => {
    const pending = [
      { verb: 'create' as const, slot: '0', vpn: 'a' },
      { verb: 'create' as const, slot: '1', vpn: 'a', outcome: 'unknown' as const },
    ]
    expect(doings(sketch(3, { pending }))).toEqual(['create 2 on b'])
  })

  it('counts a create by its name: a renamed container of the slot is not the one asked for (I2)', () => {
    const engines: EngineSketch[] = [{ slot: '0', name: 'renamed', on: 'a' }]
    const pending = [{ verb: 'create' as const, slot: '0', vpn: 'b' }]
    expect(doings(sketch(1, { engines, pending }))).toEqual(['drain 0'])
  })

  it('waits while engines that drain still make replicas + maxSurge (I2)', () => {
    const draining = (slot: string): EngineSketch => ({ slot, streams: 1, mark: {} })
    const engines = [draining('0'), draining('1'), { slot: '2' }]
    expect(doings(sketch(2, { engines }))).toEqual([])
  })

  it('does not count the dead: their replacements come at once, in other slots', () => {
    const engines: EngineSketch[] = [{ slot: '0', state: 'exited', ready: false }, { slot: '1' }]
    expect(doings(sketch(2, { engines }))).toEqual(['create 2 on b', 'remove 0'])
  })

  it('passes over names that strangers hold, and says so (I8)', () => {
    const foreign = [{ name: 'home.0', holdsSlot: '0' }]
    const { conditions } = plan(sketch(1, { foreign }))
    expect(doings(sketch(1, { foreign }))).toEqual(['create 1 on a'])
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'NameConflict' }))
  })

  it('says why when no node takes any', () => {
    const of = sketch(2, {
      nodes: [
        { name: 'a', cordon: true },
        { name: 'b', state: 'down' },
      ],
    })
    expect(doings(of)).toEqual([])
    expect(plan(of).conditions).toContainEqual(
      expect.objectContaining({
        type: 'NoVpnReady',
        message:
          '2 more engines are wanted, but no VPN node takes any: a is cordoned; b: b is not up',
      }),
    )
  })

  it('says so when no slot fits', () => {
    const foreign = [{ name: 'home.0', holdsSlot: '0' }]
    const of = sketch(1, {
      foreign,
      spec: { replicas: 1, scope: 'none', maxSurge: 0, maxUnavailable: 1 },
    })
    expect(plan(of).conditions).toContainEqual(expect.objectContaining({ type: 'NoRoom' }))
  })

  it('publishes on the host without a VPN', () => {
    const [create] = planFleet(scene({ spec: { replicas: 1 } })).actions
    expect(create).toMatchObject({
      vpn: undefined,
      spec: { networkMode: 'bridge', publish: [{ hostPort: 19_001, address: '127.0.0.1' }] },
    })
  })
})

describe('the place of an engine that failed', () => {
  const died = (slot: string): EngineSketch => ({
    slot,
    state: 'exited',
    ready: false,
    wasReady: true,
    readyForMs: 30_000,
  })

  it('is filled at once the first time, in another slot that inherits its record', () => {
    const [create] = plan(sketch(1, { engines: [died('0')] })).actions
    expect(create).toMatchObject({
      verb: 'create',
      slot: '1',
      inherits: { slot: '0', backoff: { failures: 1, notBefore: NOW } },
    })
  })

  it('is not recorded twice: the end of the dead engine leaves an inherited record alone', () => {
    const { actions } = plan(sketch(1, { engines: [died('0')] }))
    expect(actions.find(({ verb }) => verb === 'remove')).toMatchObject({ backoff: undefined })
  })

  it('waits from the second failure on, and asks to be woken for it', () => {
    const backoff = { 0: { failures: 1, notBefore: NOW - 60_000 } }
    const { actions, wakeAt } = plan(sketch(1, { engines: [died('0')], backoff }))
    expect(actions.map(({ verb }) => verb)).toEqual(['remove'])
    expect(actions[0]).toMatchObject({ backoff: { failures: 2 } })
    expect(wakeAt).toBeGreaterThanOrEqual(NOW + 800)
    expect(wakeAt).toBeLessThanOrEqual(NOW + 1_200)
  })

  it('does not hold back the places of others', () => {
    const backoff = { 0: { failures: 4, notBefore: NOW + 8_000 } }
    expect(doings(sketch(3, { backoff }))).toEqual(['create 1 on a', 'create 2 on b'])
  })

  it('is counted over slots: an engine that dies again and again waits ever longer', () => {
    let world: PlanInput = scene(sketch(1))
    const waits: number[] = []
    for (let life = 0; life < 5; life++) {
      let plan = planFleet(world)
      const from = world.now
      while (!deeds(plan).some((deed) => deed.startsWith('create'))) {
        world = afterTime(afterPlan(world, plan), Math.max(1, (plan.wakeAt ?? 0) - world.now))
        plan = planFleet(world)
      }
      waits.push(world.now - from)
      world = afterTime(afterPlan(world, plan), 1)
      world = afterPlan(world, planFleet(world))
      const engines = world.observation.engines.map((engine) => ({
        ...engine,
        state: 'exited' as const,
        health: { ...engine.health, ready: false },
      }))
      world = { ...world, observation: { ...world.observation, engines } }
    }
    expect(waits.slice(0, 2)).toEqual([0, 0])
    for (const [n, wait] of waits.slice(2).entries()) {
      expect(wait).toBeGreaterThanOrEqual(800 * 2 ** n)
      expect(wait).toBeLessThanOrEqual(1_300 * 2 ** n)
    }
  })

  it('is forgotten when the fleet shrinks and nobody is missing', () => {
    const backoff = { 3: { failures: 4, notBefore: NOW + 8_000 } }
    const { bookkeeping } = plan(sketch(1, { engines: [{ slot: '0' }], backoff }))
    expect(bookkeeping).toEqual([{ kind: 'clearBackoff', slot: '3' }])
  })

  it('leads to no slot that the spec does not have any more (I2)', () => {
    const backoff = { 9: { failures: 1, notBefore: NOW } }
    expect(doings(sketch(1, { backoff }))).toEqual(['create 0 on a'])
  })

  it('is held back as the forwarded one too', () => {
    const of: Sketch = {
      spec: { replicas: 1 },
      nodes: [{ name: 'a', port: 51_000 }],
      backoff: { forwarded: { failures: 3, notBefore: NOW + 2_000 } },
    }
    expect(plan(of)).toMatchObject({ actions: [], wakeAt: NOW + 2_000 })
    expect(course(scene(of)).story.flat()).toContain('create forwarded on a')
  })

  it('owes nothing for a death that was not its own: a VPN node that was restarted', () => {
    const engines: EngineSketch[] = [
      { slot: '0', networkMode: `container:${idOf('old a')}`, joinedRunning: false },
    ]
    const { actions } = plan(sketch(1, { engines }))
    expect(actions).toContainEqual(
      expect.objectContaining({ verb: 'stop', mark: 'failed', backoff: undefined }),
    )
    expect(actions).toContainEqual(expect.objectContaining({ verb: 'create', inherits: undefined }))
  })
})
