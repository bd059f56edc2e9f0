import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { calmSketch } from '../../test/harness/arbitrary-scene.ts'
import { afterTime, course } from '../../test/harness/model-world.ts'
import { deeds, scene } from '../../test/harness/scene.ts'
import { containerName, isForwardedSlot } from '../engine/place.ts'
import type { ObservedEngine, ObservedNode } from '../observe/observation.ts'
import type { Plan } from './action.ts'
import type { PlanInput } from './input.ts'
import { planFleet } from './plan.ts'

/** Hundreds of courses take their time beside other tests. */
vi.setConfig({ testTimeout: 180_000 })

const nodeOf = ({ networkMode }: ObservedEngine, { observation }: PlanInput) =>
  observation.nodes.find(({ containerId }) => networkMode === `container:${containerId}`)

/** Nodes that take new engines. */
function openNodes({ observation, fleet, memory }: PlanInput): readonly ObservedNode[] {
  const closed = new Set([
    ...memory.requests.flatMap((r) => ('node' in r ? [r.node] : [])),
    ...fleet.vpn.nodes.flatMap((n) => (n.cordon ? [n.name] : [])),
  ])
  return observation.nodes.filter(({ name, state }) => state === 'up' && !closed.has(name))
}

function isWithoutRoom({ conditions }: Plan): boolean {
  return conditions.some(({ type }) => type === 'NoRoom' || type === 'NoVpnReady')
}

/** Whether a name may be lost to a stranger, or a slot to Gluetun's ports or to a granted one. */
function isCramped({ observation, fleet }: PlanInput): boolean {
  const isGrantedNear = ({ forwardedPort }: ObservedNode) =>
    forwardedPort > 0 && forwardedPort < 51_000
  return (
    observation.foreign.length > 0 ||
    observation.nodes.some(isGrantedNear) ||
    fleet.vpn.nodes.some(({ ports }) => ports.last - ports.first < 100)
  )
}

/** Ends where a plan asks for nothing more; undefined when the fleet was to be deleted, and is. */
function rest(start: PlanInput): PlanInput | undefined {
  const { end } = course(start)
  if (!end.memory.requests.some((r) => r.kind === 'delete')) return end
  expect(end.observation.engines).toEqual([])
  return undefined
}

function always(check: (end: PlanInput, start: PlanInput) => void): void {
  fc.assert(
    fc.property(calmSketch, (sketch) => {
      const start = scene(sketch)
      const end = rest(start)
      if (end !== undefined) check(end, start)
    }),
    { numRuns: 200 },
  )
}

describe('from any world in which faults have stopped', () => {
  it('plans lead to rest, and further passes change nothing (L1)', () => {
    always((end) => {
      for (const ms of [1_000, 60_000, 3_600_000]) {
        const plan = planFleet(afterTime(end, ms))
        expect([...deeds(plan), ...plan.bookkeeping]).toEqual([])
      }
    })
  })

  it('every engine is ready, of the present spec, in its slot and in its VPN (L1)', () => {
    always((end) => {
      const plan = planFleet(end)
      const isVpn = end.fleet.vpn.mode !== 'none'
      for (const engine of end.observation.engines) {
        const { name, slot, labels } = engine
        const told = plan.engines.find((e) => e.name === name)
        // Where there is no place for new engines, old ones are better than none.
        expect([name, told?.ready, told?.updated || isWithoutRoom(plan)]).toEqual([
          name,
          true,
          true,
        ])
        expect(name).toBe(containerName('home', slot))
        // An older version's engine does not say of which generation it is.
        if (isVpn && told?.updated && labels.vpnGeneration !== undefined)
          expect(nodeOf(engine, end)?.generation).toBe(labels.vpnGeneration)
      }
    })
  })

  it('there are as many engines as the spec says, or a condition says why not (L1)', () => {
    always((end, start) => {
      const isExcused = isWithoutRoom(planFleet(end))
      const count = end.observation.engines.length
      expect(count).toBeLessThanOrEqual(end.fleet.replicas)
      if (count < end.fleet.replicas) expect(isExcused).toBe(true)
      const isOpen = openNodes(end).length > 0 || end.fleet.vpn.mode === 'none'
      // An engine may sit on the ports of another's slot.
      const isOdd = planFleet(start).engines.some((e) => !e.updated)
      if (isOpen && !isOdd && !isCramped(end)) expect(isExcused).toBe(false)
    })
  })

  it('one forwarded engine per scope holds the granted port, or a condition says why not (I1)', () => {
    always((end) => {
      const { fleet, observation } = end
      const { scope, prefer } = fleet.forwarding
      const forwarded = observation.engines.filter((e) => isForwardedSlot(e.slot))
      for (const engine of observation.engines)
        expect(engine.labels.forwarded).toBe(isForwardedSlot(engine.slot))
      for (const engine of forwarded)
        expect(engine.labels.p2pPort).toBe(nodeOf(engine, end)?.forwardedPort)
      const homes = forwarded.map((e) => nodeOf(e, end)?.name)
      expect(homes).toHaveLength(new Set(homes).size)

      const places = { none: 0, fleet: 1, vpn: observation.nodes.length }[scope]
      const most = Math.min(places, fleet.replicas)
      expect(forwarded.length).toBeLessThanOrEqual(most)
      const plan = planFleet(end)
      const isExcused =
        isWithoutRoom(plan) || plan.conditions.some(({ type }) => type === 'NoForwardedPort')
      if (forwarded.length < most) expect(isExcused).toBe(true)
      const preferred = openNodes(end).find(({ name }) => name === prefer)
      const isBarred = observation.foreign.some(
        (f) => f.forwardedOn === prefer || f.name === 'home.forwarded',
      )
      // Its granted port may be one that an engine must have: then it is passed over.
      if (
        forwarded.length === 1 &&
        preferred?.forwardedPort === 51_000 &&
        !isBarred &&
        scope === 'fleet'
      )
        expect(homes).toEqual([prefer])
    })
  })

  it('open nodes differ by at most one engine, unless streams pin one or ports leave no room (I4)', () => {
    always((end) => {
      const load = (node: ObservedNode) =>
        end.observation.engines.filter((e) => nodeOf(e, end) === node).length
      const open = openNodes(end)
      const isPinned = end.memory.streams.size > 0
      if (isPinned || isCramped(end) || open.length < 2) return
      const loads = open.map(load)
      expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
    })
  })

  it('no two engines of a namespace share a port (I11)', () => {
    always((end) => {
      for (const node of end.observation.nodes) {
        const fitting = planFleet(end).engines.flatMap((e) => (e.updated ? e.name : []))
        const inside = end.observation.engines.filter(
          (e) => nodeOf(e, end) === node && fitting.includes(e.name),
        )
        const ports = inside.flatMap(({ labels }) => [
          labels.httpPort,
          labels.httpsPort,
          labels.apiPort,
          labels.p2pPort,
        ])
        expect(ports).toHaveLength(new Set(ports).size)
      }
    })
  })

  it('engines that fit, in balance and in number, are let be on the way (I5)', () => {
    fc.assert(
      fc.property(calmSketch, (sketch) => {
        const end = rest(scene(sketch))
        if (end === undefined) return
        const ids = end.observation.engines.map(({ id }) => id)
        // The same spec again, by another controller: it adopts what runs.
        const again = course({ ...end, epoch: (end.epoch + 1) as PlanInput['epoch'] })
        expect(again.end.observation.engines.map(({ id }) => id)).toEqual(ids)
        expect(again.story.flat()).toEqual([])
      }),
      { numRuns: 50 },
    )
  })
})
