import { describe, expect, test } from 'vitest'
import { deeds, NOW, type Sketch, scene } from '../../test/harness/scene.ts'
import { planFleet } from './plan.ts'

const nodes = [{ name: 'a', port: 40_001 }]
const doings = (sketch: Sketch) => deeds(planFleet(scene(sketch)))

const waiting = { failures: 3, notBefore: NOW + 2_000 }
const due = { failures: 3, notBefore: NOW }

/** Four engines of an old spec serve on, and one of the new spec has failed its start. */
function paused(more: Partial<Sketch>): Sketch {
  const spec = { replicas: 4, maxSurge: 3 }
  const { specHash } = scene({ spec, nodes }).template
  const failures = { failedStarts: 3, lastFailure: 'home.3 exited', lastFailureAt: NOW - 1_000 }
  return {
    spec,
    nodes,
    engines: ['forwarded', '0', '1', '2'].map((slot) => ({ slot, outdated: true })),
    rollout: { specHash, ...failures },
    ...more,
  }
}

describe('a paused rollout', () => {
  test('tries nothing while the one that failed backs off, though more engines are missing', () => {
    expect(doings(paused({ backoff: { 3: waiting } }))).toEqual([])
  })

  test('tries one when its time has come, as the successor of the one that failed', () => {
    const { actions } = planFleet(scene(paused({ backoff: { 3: due } })))
    expect(actions).toMatchObject([
      { verb: 'create', slot: '3', inherits: { slot: '3', backoff: due } },
    ])
  })

  test('tries one at a time, whatever the surge', () => {
    const { engines = [] } = paused({})
    const trial = { slot: '3', ready: false, ageMs: 1_000 }
    expect(doings(paused({ engines: [...engines, trial] }))).toEqual([])
  })
})

test('a corrected spec is tried at once: what failed before says nothing of it', () => {
  const rollout = {
    specHash: 'of-the-broken-spec',
    failedStarts: 9,
    lastFailure: 'home.3 exited',
    lastFailureAt: NOW - 1_000,
  }
  const backoff = { 3: { failures: 9, notBefore: NOW + 250_000 } }
  const { actions, bookkeeping } = planFleet(scene(paused({ rollout, backoff })))
  expect(actions[0]).toMatchObject({ verb: 'create', slot: '3', inherits: undefined })
  expect(bookkeeping).toEqual([
    { kind: 'clearBackoff', slot: '3' },
    { kind: 'setRollout', note: undefined },
  ])
})

describe('back-off records', () => {
  /** One place may be filled again though its old container still holds the name; another has to wait. */
  const two: Sketch = {
    spec: { replicas: 4, maxSurge: 0, maxUnavailable: 1 },
    nodes,
    engines: [{ slot: 'forwarded' }, { slot: '0' }, { slot: '1', state: 'removing' }],
    backoff: { 1: due, 2: waiting },
  }

  test('are not lost to an engine that fills another place', () => {
    const creates = planFleet(scene(two)).actions.filter(({ verb }) => verb === 'create')
    expect(creates).toMatchObject([{ slot: '3', inherits: { slot: '1' } }])
  })

  test('are not taken over by an engine that was missing for another reason', () => {
    const engines = [{ slot: 'forwarded' }, { slot: '0' }]
    const creates = planFleet(scene({ ...two, engines, backoff: { 1: waiting } })).actions
    expect(creates).toMatchObject([{ verb: 'create', slot: '2', inherits: undefined }])
  })
})
