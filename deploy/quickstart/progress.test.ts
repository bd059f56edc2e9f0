import { expect, test } from 'vitest'
import type { ConditionView, EngineView, FleetView } from '../../src/api/view.ts'
import { isConverged, progressLine, troubles } from './progress.ts'

const since = '2026-01-01T00:00:00.000Z'
const readyCondition: ConditionView = {
  type: 'Ready',
  status: 'True',
  reason: 'AllReady',
  message: '2 of 2 engines are ready',
  since,
}

function fleet(over: Partial<FleetView> = {}): FleetView {
  return {
    name: 'demo',
    generation: 1,
    specHash: 'h',
    documentHash: 'd',
    source: 'specs/demo.yaml',
    acceptedAt: since,
    leader: 'me:1',
    epoch: 1,
    leaseMs: null,
    leading: true,
    lastLeader: 'me',
    lastEpoch: 1,
    observedAt: since,
    replicas: 2,
    ready: 2,
    updated: 2,
    forwarded: 'demo.forwarded',
    conditions: [readyCondition],
    ...over,
  }
}

function engine(slot: string, over: Partial<EngineView> = {}): EngineView {
  return {
    name: `demo.${slot}`,
    fleet: 'demo',
    slot,
    containerId: 'c',
    vpn: 'gluetun-a',
    address: '172.17.0.2',
    port: 19_000,
    p2pPort: null,
    forwarded: false,
    phase: 'Running',
    ready: true,
    dead: false,
    streams: 0,
    createdAt: since,
    specHash: 'h',
    updated: true,
    note: '',
    ...over,
  }
}

const both = [engine('0'), engine('1')]

test('a fleet whose engines are all there, ready and up to date has converged', () => {
  expect(isConverged({ fleets: [fleet()], engines: both })).toBe(true)
})

test.each<[string, Partial<FleetView>, readonly EngineView[]]>([
  ['no status yet', { replicas: null, ready: null, updated: null, conditions: [] }, []],
  ['nobody to look after it', { leader: null, epoch: null, leaseMs: null }, both],
  ['an engine that is not ready', { ready: 1 }, both],
  ['an engine of the old spec', { updated: 1 }, both],
  ['an engine that is still on its way out', {}, [...both, engine('2', { phase: 'Draining' })]],
  [
    'work under way',
    { conditions: [readyCondition, { ...readyCondition, type: 'Reconciling' }] },
    both,
  ],
  [
    'a fleet that says it is not ready',
    { conditions: [{ ...readyCondition, status: 'False' }] },
    both,
  ],
])('a fleet with %s has not', (_, over, engines) => {
  expect(isConverged({ fleets: [fleet(over)], engines })).toBe(false)
})

test('no fleet at all is no convergence', () => {
  expect(isConverged({ fleets: [], engines: [] })).toBe(false)
})

test('the progress says how many are ready, which are awaited, and what stands in the way', () => {
  const conditions: ConditionView[] = [
    { ...readyCondition, status: 'False' },
    { ...readyCondition, type: 'ImageMissing', message: 'no such image' },
  ]
  const engines = [engine('0'), engine('1', { ready: false, phase: 'Starting' })]
  expect(progressLine({ fleets: [fleet({ ready: 1, conditions })], engines })).toBe(
    'demo: 1 of 2 ready · demo.1 (Starting) · ImageMissing: no such image',
  )
})

test('the progress says when nobody leads', () => {
  const picture = { fleets: [fleet({ leader: null })], engines: both }
  expect(progressLine(picture)).toBe('demo: 2 of 2 ready · nobody leads')
})

test('an edit that was refused is told of a fleet that has converged on the spec before', () => {
  const refused: ConditionView = { ...readyCondition, type: 'SpecInvalid', message: 'line 3' }
  const picture = { fleets: [fleet({ conditions: [readyCondition, refused] })], engines: both }
  expect(isConverged(picture)).toBe(true)
  expect(troubles(picture)).toEqual(['SpecInvalid: line 3'])
})
