import { describe, expect, test } from 'vitest'
import { type Sketch, scene } from '../../test/harness/scene.ts'
import type { ConditionType } from '../telemetry/status.ts'
import { planFleet } from './plan.ts'

const two: Sketch = {
  spec: { replicas: 2 },
  nodes: [{ name: 'a', port: 40_001 }],
  engines: [{ slot: 'forwarded' }, { slot: '0' }],
}

function condition(sketch: Sketch, type: ConditionType) {
  return planFleet(scene(sketch)).conditions.find((each) => each.type === type)
}

describe('the conditions of a fleet', () => {
  test('say that it is being deleted, and how many engines are left', () => {
    expect(condition(two, 'Deleting')).toBeUndefined()
    const deleting: Sketch = { ...two, requests: [{ kind: 'delete' }] }
    expect(condition(deleting, 'Deleting')).toMatchObject({
      status: 'True',
      reason: 'DeleteRequested',
      message: expect.stringContaining('2 engines are left'),
    })
    expect(condition(deleting, 'Ready')?.status).toBe('False')
  })
})
