import { describe, expect, it } from 'vitest'
import {
  deeds,
  type EngineSketch,
  idOf,
  NOW,
  type Sketch,
  scene,
} from '../../test/harness/scene.ts'
import type { Generation } from '../observe/observation.ts'
import { planFleet } from './plan.ts'

const one = (engine: Omit<EngineSketch, 'slot'>, more: Partial<Sketch> = {}): Sketch => ({
  spec: { replicas: 1, scope: 'none' },
  nodes: [{ name: 'a' }],
  engines: [{ slot: '0', ...engine }],
  ...more,
})
const plan = (sketch: Sketch) => planFleet(scene(sketch))
const doings = (sketch: Sketch) => deeds(plan(sketch))

describe('a container that was created and never ran', () => {
  const created = { state: 'created' as const, ready: false }

  it('is started where its VPN node is up in the same generation (I10)', () => {
    expect(doings(one(created))).toEqual(['start 0'])
  })

  it.each(['down', 'unknown'] as const)('waits while its VPN node is %s (I10)', (state) => {
    expect(doings(one(created, { nodes: [{ name: 'a', state, lost: false }] }))).toEqual([])
  })

  it('is removed when its VPN container is another now (I10)', () => {
    const old = { ...created, labels: { vpnGeneration: 'a@0' as Generation } }
    expect(doings(one(old))).toContain('remove 0')
  })

  it('is removed when nobody wants it any more', () => {
    expect(doings(one(created, { spec: { replicas: 0, scope: 'none' } }))).toEqual(['remove 0'])
  })

  it('is removed, not drained, once it is marked', () => {
    expect(doings(one({ ...created, mark: { kind: 'failed', stopAt: NOW } }))).toContain('remove 0')
  })
})

describe('an engine that drains', () => {
  const gone = { spec: { replicas: 0, scope: 'none' as const } }

  it('is marked with a deadline before anything else happens to it (I7)', () => {
    const [drain] = plan(one({ streams: 1 }, gone)).actions
    expect(drain).toMatchObject({ verb: 'drain', timeoutMs: 600_000 })
  })

  it('is let be while viewers are on it (I5)', () => {
    expect(doings(one({ streams: 1, mark: {} }, gone))).toEqual([])
  })

  it('is stopped when the last viewer has left, gracefully', () => {
    expect(plan(one({ mark: {} }, gone)).actions).toMatchObject([
      { verb: 'stop', mark: 'draining', graceS: 10 },
    ])
  })

  it('is stopped at its deadline, whoever is on it (I5)', () => {
    expect(doings(one({ streams: 1, mark: { deadlineAt: NOW } }, gone))).toEqual(['stop 0'])
    expect(plan(one({ streams: 1, mark: { deadlineAt: NOW + 900 } }, gone)).wakeAt).toBe(NOW + 900)
  })

  it('is busy while the store cannot know its streams, until one reservation lifetime has passed (I5)', () => {
    const afterBirth = (ms: number) => one({ mark: {} }, { ...gone, bornAt: NOW - ms })
    expect(doings(afterBirth(14_999))).toEqual([])
    expect(doings(afterBirth(15_000))).toEqual(['stop 0'])
  })

  it('is not busy for that when it was seen to come after the store, whatever Docker says of its age (I5)', () => {
    const notListed = (notListedAt: number) =>
      one({ mark: {}, ageMs: -3_600_000, notListedAt }, { ...gone, bornAt: NOW - 1_000 })
    expect(doings(notListed(NOW - 1_000))).toEqual([])
    expect(doings(notListed(NOW - 999))).toEqual(['stop 0'])
  })

  it('is looked at again soon, for nobody tells when the last viewer leaves', () => {
    const { wakeAt = 0 } = plan(one({ streams: 1, mark: {} }, gone))
    expect(wakeAt).toBeGreaterThan(NOW)
    expect(wakeAt).toBeLessThanOrEqual(NOW + 5_000)
  })

  it('is not taken back when it is wanted again (I6)', () => {
    expect(doings(one({ streams: 1, mark: {} }))).toEqual(['create 1 on a'])
  })
})

describe('what a user asks', () => {
  const two: Sketch = {
    spec: { replicas: 2, scope: 'none' },
    nodes: [{ name: 'a' }, { name: 'b' }],
    engines: [
      { slot: '0', on: 'a' },
      { slot: '1', on: 'b' },
    ],
  }

  it('drain of an engine drains it, and another comes', () => {
    const requests = [{ kind: 'drainEngine' as const, containerId: idOf('home.0') }]
    expect(doings({ ...two, requests })).toEqual(['drain 0'])
    const engines = [
      { slot: '0', on: 'a', mark: {}, streams: 1 },
      { slot: '1', on: 'b' },
    ]
    expect(doings({ ...two, engines, requests })).toEqual(['create 2 on a'])
  })

  it('drain of an engine is over when it is gone', () => {
    const containerId = idOf('somebody long gone')
    const { bookkeeping } = plan({ ...two, requests: [{ kind: 'drainEngine', containerId }] })
    expect(bookkeeping).toEqual([{ kind: 'forget', id: containerId }])
  })

  it('sessions on an engine that no list shows are forgotten', () => {
    const input = scene(two)
    const load = { active: 1, pending: 0, lastBytesAt: NOW }
    const streams = new Map([[idOf('home.9'), load], ...input.memory.streams])
    const { bookkeeping } = planFleet({ ...input, memory: { ...input.memory, streams } })
    expect(bookkeeping).toEqual([{ kind: 'forget', id: idOf('home.9') }])
  })

  it('drain of a node drains its engines, and the others go elsewhere', () => {
    const requests = [{ kind: 'drainNode' as const, node: 'a' }]
    expect(doings({ ...two, requests })).toEqual(['drain 0'])
    const engines = [
      { slot: '0', on: 'a', mark: {}, streams: 1 },
      { slot: '1', on: 'b' },
    ]
    expect(doings({ ...two, engines, requests })).toEqual(['create 2 on b'])
  })

  it('cordon of a node leaves its engines in peace', () => {
    const requests = [{ kind: 'cordon' as const, node: 'a' }]
    expect(doings({ ...two, requests })).toEqual([])
    expect(doings({ ...two, engines: [], requests })).toEqual(['create 0 on b', 'create 1 on b'])
  })

  it('delete drains everything, and drops the fleet when it is gone', () => {
    const requests = [{ kind: 'delete' as const }]
    expect(doings({ ...two, requests })).toEqual(['drain 0', 'drain 1'])
    const empty = plan({ ...two, engines: [], requests })
    expect(empty.actions).toEqual([])
    expect(empty.bookkeeping).toEqual([{ kind: 'dropFleet' }])
  })

  it('delete waits for a create whose outcome nobody knows', () => {
    const requests = [{ kind: 'delete' as const }]
    const pending = [{ verb: 'create' as const, slot: '0', outcome: 'unknown' as const }]
    expect(plan({ ...two, engines: [], pending, requests }).bookkeeping).toEqual([])
  })
})

describe('an engine with an action of ours under way', () => {
  it('is told nothing until that ends', () => {
    const stuck = one({ ready: false, wasReady: true, health: { failures: 3 } })
    const pending = [{ verb: 'stop' as const, slot: '0', id: idOf('home.0') }]
    expect(doings(stuck)).toContain('stop 0 failed')
    expect(doings({ ...stuck, pending })).not.toContain('stop 0 failed')
  })
})

describe('when nothing can be known', () => {
  it('nothing is drained, stopped or removed, however much is wanted (I9)', () => {
    const blind = {
      ready: false,
      wasReady: true,
      health: { failures: 2, blindSince: NOW - 60_000 },
    }
    const sketch: Sketch = {
      spec: { replicas: 3 },
      nodes: [
        { name: 'a', state: 'unknown', port: 51_000 },
        { name: 'b', state: 'unknown' },
      ],
      engines: [
        { slot: 'forwarded', on: 'a', ...blind },
        { slot: '0', on: 'a', ...blind },
        { slot: '1', on: 'b', ...blind },
      ],
      bornAt: NOW - 1_000,
    }
    expect(plan(sketch).actions).toEqual([])
  })
})

describe('an engine that somebody renamed', () => {
  it('is drained: its name fences no slot any more', () => {
    expect(doings(one({ name: 'mine' }))).toContain('drain 0')
  })

  it('as is one in a slot that is none', () => {
    const odd: Sketch = { ...one({}), engines: [{ slot: 'odd' }] }
    expect(doings(odd)).toContain('drain odd')
  })
})
