import { describe, expect, it } from 'vitest'
import { course } from '../../test/harness/model-world.ts'
import { deeds, type EngineSketch, NOW, type NodeSketch, scene } from '../../test/harness/scene.ts'
import type { PlanInput } from './input.ts'
import { planFleet } from './plan.ts'

const SECOND = 1_000

type Policy = PlanInput['fleet']['vpn']['restartEnginesOnReconnect']

/** A tunnel that came back `agoMs` ago, and one that never went. */
const nodes = (agoMs: number): readonly NodeSketch[] => [
  { name: 'a', reconnectedAt: NOW - agoMs },
  { name: 'b' },
]

const says = (connected: boolean, sinceMs: number, atMs = 2 * SECOND): EngineSketch['health'] => ({
  network: { connected, since: NOW - sinceMs, at: NOW - atMs },
})

function input(policy: Policy, on: readonly NodeSketch[], engines: readonly EngineSketch[]) {
  const made = scene({ spec: { replicas: 2, scope: 'none' }, nodes: on, engines })
  const vpn = { ...made.fleet.vpn, restartEnginesOnReconnect: policy }
  return { ...made, fleet: { ...made.fleet, vpn } }
}

const doings = (...parts: Parameters<typeof input>) => deeds(planFleet(input(...parts)))

const well: EngineSketch = { slot: '1', on: 'b', health: says(true, 3_600 * SECOND) }
const cutOff = (sinceMs: number, more: Partial<EngineSketch> = {}): EngineSketch => ({
  ...{ slot: '0', on: 'a', health: says(false, sinceMs) },
  ...more,
})

describe('an engine whose tunnel came back', () => {
  it('is kept when it is connected again', () => {
    const back: EngineSketch = { slot: '0', on: 'a', health: says(true, 50 * SECOND) }
    expect(doings('auto', nodes(100 * SECOND), [back, well])).toEqual([])
  })

  it('is replaced when it is still cut off after 60 s, its successor first', () => {
    const story = [cutOff(95 * SECOND), well]
    expect(doings('auto', nodes(100 * SECOND), story)).toEqual(['create 2 on a'])
    const successor: EngineSketch = { slot: '2', on: 'a', readyForMs: 1_000, health: says(true, 0) }
    expect(doings('auto', nodes(100 * SECOND), [...story, successor])).toEqual(['drain 0'])
  })

  it('is left alone until then, and looked at when it is due', () => {
    const early = input('auto', nodes(59 * SECOND), [cutOff(55 * SECOND), well])
    const plan = planFleet(early)
    expect(deeds(plan)).toEqual([])
    expect(plan.wakeAt).toBeLessThanOrEqual(NOW + 5 * SECOND)
    // Its last word is older than that.
    const silent = cutOff(95 * SECOND, { health: says(false, 95 * SECOND, 45 * SECOND) })
    expect(doings('auto', nodes(100 * SECOND), [silent, well])).toEqual([])
  })

  it.each<[string, readonly NodeSketch[], readonly EngineSketch[]]>([
    [
      'nobody else is connected',
      nodes(100 * SECOND),
      [cutOff(95 * SECOND), cutOff(90_000, { slot: '1', on: 'b' })],
    ],
    ['it says nothing', nodes(100 * SECOND), [{ slot: '0', on: 'a' }, well]],
    ['it was connected in between', nodes(900 * SECOND), [cutOff(95 * SECOND), well]],
    [
      'it came after the reconnect',
      nodes(100 * SECOND),
      [cutOff(90_000, { readyForMs: 95_000 }), well],
    ],
    ['its tunnel never went', [{ name: 'a' }, { name: 'b' }], [cutOff(95 * SECOND), well]],
    ['the reconnect is still to come by our clock', nodes(-100 * SECOND), [cutOff(95_000), well]],
    [
      'its node is in doubt',
      [{ name: 'a', state: 'degraded', reconnectedAt: NOW - 100_000 }, { name: 'b' }],
      [cutOff(95_000), well],
    ],
  ])('I9: is kept when %s', (_, on, engines) => {
    expect(doings('auto', on, engines)).toEqual([])
  })

  it('is replaced in any case with always, idle ones first, and kept with never', () => {
    const busy: EngineSketch = { slot: '0', on: 'a', streams: 1, health: says(true, 90_000) }
    const idle: EngineSketch = { slot: '1', on: 'a', health: says(true, 90_000) }
    const spare: EngineSketch = { slot: '2', on: 'b', readyForMs: 1_000 }
    expect(doings('always', nodes(100 * SECOND), [busy, idle, spare])).toEqual(['drain 1'])
    expect(doings('never', nodes(100 * SECOND), [cutOff(95_000), well])).toEqual([])
  })

  it('is replaced once with always, one after the other (L1)', () => {
    const engines: EngineSketch[] = [
      { slot: '0', on: 'a' },
      { slot: '1', on: 'b' },
    ]
    const { story } = course(input('always', nodes(100 * SECOND), engines))
    const creates = story.flat().filter((deed) => deed.startsWith('create'))
    expect(creates).toHaveLength(1)
    expect(story.at(-1)).toEqual([])
  })
})
