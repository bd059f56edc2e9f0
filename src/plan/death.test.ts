import { describe, expect, it } from 'vitest'
import {
  deeds,
  type EngineSketch,
  idOf,
  NOW,
  type NodeSketch,
  type Sketch,
  scene,
} from '../../test/harness/scene.ts'
import type { Generation } from '../observe/observation.ts'
import { planFleet } from './plan.ts'
import { buildWorld } from './world.ts'

const up: readonly NodeSketch[] = [{ name: 'a' }, { name: 'b' }]
const sketchOf = (engine: Omit<EngineSketch, 'slot'>, nodes = up): Sketch => ({
  spec: { replicas: 1, scope: 'none' },
  nodes,
  engines: [{ slot: '0', on: 'a', ...engine }],
})

function deathOf(engine: Omit<EngineSketch, 'slot'>, nodes = up, more: Partial<Sketch> = {}) {
  const { death } = buildWorld(scene({ ...sketchOf(engine, nodes), ...more })).engines[0] ?? {}
  return death
}

const hung = { ready: false, wasReady: true, health: { failures: 3, lastError: 'timed out' } }

describe('an engine is dead', () => {
  it('when it exited, by its own fault', () => {
    expect(deathOf({ state: 'exited', ready: false })).toMatchObject({
      kind: 'Exited',
      ownFault: true,
    })
  })

  it('when it could not be started, by its own fault', () => {
    const death = deathOf({ state: 'created', ready: false, startError: 'exec format error' })
    expect(death).toMatchObject({ kind: 'StartFailed', ownFault: true })
  })

  it.each([
    'cannot join network of a non running container: 0123',
    'No such container: 0123',
    'Container 0123 is restarting, wait until the container is running',
  ])('but not by its own fault when the namespace was the trouble: %s', (startError) => {
    const death = deathOf({ state: 'created', ready: false, startError })
    expect(death).toMatchObject({ kind: 'StartFailed', ownFault: false })
  })

  it('when its start takes too long by our own clock, whatever time Docker shows', () => {
    const starting = {
      ready: false,
      health: { failures: 3, lastError: 'connection refused' },
      ageMs: 3_600_000,
    }
    expect(deathOf({ ...starting, seenStartingAt: NOW - 59_999 })).toBeUndefined()
    expect(deathOf({ ...starting, ageMs: -3_600_000, seenStartingAt: NOW - 60_000 })).toMatchObject(
      {
        kind: 'StartTimedOut',
      },
    )
  })

  it('when its VPN container was restarted: it sits in the namespace of before', () => {
    const death = deathOf({ labels: { vpnGeneration: 'a@0' as Generation } })
    expect(death).toMatchObject({ kind: 'DeadNamespace', due: true, ownFault: false })
  })

  it('when its VPN container was replaced or removed', () => {
    const gone = { networkMode: `container:${idOf('old')}`, joinedRunning: false }
    expect(deathOf(gone)).toMatchObject({ kind: 'DeadNamespace', due: true })
  })

  it('but waits for its VPN container to come back while no other is up (I9)', () => {
    const stopped: NodeSketch[] = [{ name: 'a', running: false, state: 'down', lost: true }]
    expect(deathOf({}, stopped)).toMatchObject({ kind: 'DeadNamespace', due: false })
    expect(deeds(planFleet(scene(sketchOf({}, stopped))))).toEqual([])
  })

  describe('where only engines say that the tunnel is dead', () => {
    const dead: NodeSketch = { name: 'a', state: 'down', lost: true, reason: 'TunnelDead' }

    it('when no bytes flow on any of its streams (I5)', () => {
      const nodes: NodeSketch[] = [dead, { name: 'b' }]
      expect(deathOf({}, nodes)).toMatchObject({ kind: 'VpnLost', due: true, ownFault: false })
      expect(deathOf({ streams: 1, lastBytesAt: NOW - 15_000 }, nodes)?.kind).toBe('VpnLost')
      expect(deathOf({ streams: 1, lastBytesAt: NOW - 14_999 }, nodes)).toBeUndefined()
      expect(deathOf({}, nodes, { bornAt: NOW - 1_000 })).toBeUndefined()
    })

    it('and not while every other node is in doubt as well (I9)', () => {
      expect(deathOf({}, [dead, { name: 'b', state: 'degraded' }])).toBeUndefined()
    })
  })

  it('when its VPN node is lost and another is up', () => {
    const nodes: NodeSketch[] = [{ name: 'a', state: 'down', lost: true }, { name: 'b' }]
    expect(deathOf({ streams: 1 }, nodes)).toMatchObject({
      kind: 'VpnLost',
      due: true,
      ownFault: false,
    })
  })

  it('when its API fails by the health rule and nobody is served', () => {
    expect(deathOf(hung)).toMatchObject({ kind: 'Unresponsive', ownFault: true })
    expect(deathOf({ ...hung, streams: 1, lastBytesAt: NOW - 15_000 })).toBeDefined()
  })

  it('when it gave no good answer within its start timeout', () => {
    const late = { ready: false, ageMs: 60_000, health: { failures: 3 } }
    expect(deathOf(late)).toMatchObject({ kind: 'StartTimedOut', ownFault: true })
  })

  it('when it is found outside every VPN, however many viewers it has, and is killed without a grace (I10)', () => {
    const outside: Omit<EngineSketch, 'slot'>[] = [
      { networkMode: 'bridge', streams: 2 },
      { networkMode: 'host', streams: 2 },
      { networkMode: `container:${idOf('stranger')}`, joinedRunning: true, streams: 2 },
    ]
    for (const engine of outside) {
      expect(deathOf(engine)).toMatchObject({ kind: 'OutsideVpn', due: true })
      const plan = planFleet(scene(sketchOf(engine)))
      expect(deeds(plan)).toContain('stop 0 failed')
      expect(plan.actions).toContainEqual(expect.objectContaining({ verb: 'stop', graceS: 0 }))
      expect(plan.conditions).toContainEqual(expect.objectContaining({ type: 'EngineOutsideVpn' }))
    }
  })
})

describe('an engine is not dead', () => {
  it.each<[string, Omit<EngineSketch, 'slot'>]>([
    [
      'while bytes flow on a stream, though its API fails (I5)',
      { ...hung, streams: 1, lastBytesAt: NOW - 14_999 },
    ],
    ['before as many probes failed as the health rule asks', { ...hung, health: { failures: 2 } }],
    [
      'before its start timeout has passed',
      { ready: false, ageMs: 59_000, health: { failures: 3 } },
    ],
    [
      'because we are blind, however old it is (I9)',
      { ready: false, ageMs: 600_000, health: { failures: 3, blindSince: NOW - 1 } },
    ],
    [
      'because nobody has asked it yet (I9)',
      { ready: false, ageMs: 600_000, health: { failures: 0 } },
    ],
  ])('%s', (_, engine) => {
    expect(deathOf(engine)).toBeUndefined()
  })

  it.each([
    ['that hangs', hung],
    [
      'that seems never to have answered',
      { ready: false, ageMs: 600_000, health: { failures: 3 } },
    ],
  ])('%s while the store cannot know of its streams yet: unknown means busy (I5)', (_, engine) => {
    expect(deathOf(engine, up, { bornAt: NOW - 1_000 })).toBeUndefined()
    expect(deathOf(engine, up, { bornAt: NOW - 15_000 })).toBeDefined()
  })

  it.each<[string, NodeSketch]>([
    ['cannot be judged', { name: 'a', state: 'unknown' }],
    ['is down for less than the grace', { name: 'a', state: 'down', lost: false }],
  ])('because its VPN node %s (I9)', (_, node) => {
    expect(deathOf({}, [node, { name: 'b' }])).toBeUndefined()
  })

  it('because its node is lost while no other is up', () => {
    expect(deathOf({}, [{ name: 'a', state: 'down', lost: true }])).toBeUndefined()
  })
})

describe('what is said to the dead', () => {
  it('a running one is marked failed and stopped, with little grace', () => {
    expect(planFleet(scene(sketchOf(hung))).actions).toContainEqual(
      expect.objectContaining({ verb: 'stop', mark: 'failed', graceS: 2 }),
    )
  })

  it('one that exited by itself is removed, and how it ended is told', () => {
    const { actions } = planFleet(scene(sketchOf({ state: 'exited', ready: false })))
    expect(actions).toContainEqual(expect.objectContaining({ verb: 'remove', unexpected: true }))
  })

  it('one that was stopped is removed, and nothing is told', () => {
    const stopped = { state: 'exited' as const, ready: false, mark: { stopAt: NOW - 1_000 } }
    const { actions } = planFleet(scene(sketchOf(stopped)))
    expect(actions).toContainEqual(expect.objectContaining({ verb: 'remove', unexpected: false }))
  })

  it('one whose stop had no effect is stopped again, by its mark', () => {
    const stuck = { mark: { kind: 'failed' as const, stopAt: NOW - 60_000 } }
    expect(deeds(planFleet(scene(sketchOf(stuck))))).toContain('stop 0 failed')
  })
})
