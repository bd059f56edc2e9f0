import { expect, test } from 'vitest'
import { NOW, scene } from '../../test/harness/scene.ts'
import { planFleet } from './plan.ts'

const nodes = [{ name: 'a', port: 40_001 }]
const notBefore = NOW + 4_000
const backoff = { failures: 4, notBefore }

function backingOff(sketch: Parameters<typeof scene>[0]) {
  const { conditions } = planFleet(scene(sketch))
  return conditions.find(({ type }) => type === 'BackingOff')
}

test('a place that waits for its back-off says so, how often it failed, and until when', () => {
  const engines = [{ slot: 'forwarded' }, { slot: '0' }]
  expect(backingOff({ spec: { replicas: 3 }, nodes, engines, backoff: { 1: backoff } })).toEqual({
    type: 'BackingOff',
    status: 'True',
    reason: 'FailedAgain',
    message:
      'the engine of slot 1 failed 4 times in a row: the next one comes at 2026-01-01T12:00:04.000Z; ' +
      'acefleet get events tells how it ended',
  })
})

test('the forwarded place says so as well', () => {
  const engines = [{ slot: '0' }, { slot: '1' }]
  const message = backingOff({
    spec: { replicas: 3 },
    nodes,
    engines,
    backoff: { forwarded: backoff },
  })?.message
  expect(message).toContain('the engine of slot forwarded failed 4 times in a row')
})

test('a place that may be filled now does not', () => {
  const engines = [{ slot: 'forwarded' }, { slot: '0' }]
  const due = { failures: 1, notBefore: NOW }
  expect(backingOff({ spec: { replicas: 3 }, nodes, engines, backoff: { 1: due } })).toBe(undefined)
})
