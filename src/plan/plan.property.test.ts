import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { anySketch, shuffled } from '../../test/harness/arbitrary-scene.ts'
import { NOW, type Sketch, said, scene } from '../../test/harness/scene.ts'
import type { ContainerId } from '../docker/port.ts'
import { containerName, isForwardedSlot, slotNumber } from '../engine/place.ts'
import { enginePorts, GLUETUN_PORTS } from '../engine/ports.ts'
import type { LifecycleAction, LifecycleEvent } from '../lifecycle/machine.ts'
import { lifecycle } from '../lifecycle/machine.ts'
import { type Phase, phaseOf } from '../lifecycle/phase.ts'
import { step } from '../lifecycle/step.ts'
import {
  hasTunnel,
  type ObservedEngine,
  type ObservedNode,
  TUNNEL_DEAD,
} from '../observe/observation.ts'
import type { UserRequest } from '../store/store.ts'
import type { Action, CreateAction, Plan } from './action.ts'
import type { PlanInput } from './input.ts'
import { planFleet } from './plan.ts'

/** Hundreds of worlds take their time beside other tests. */
vi.setConfig({ testTimeout: 120_000 })

/** Plans on any world and checks the plan. */
function always(check: (input: PlanInput, plan: Plan) => void): void {
  fc.assert(
    fc.property(anySketch, (sketch: Sketch) => {
      const input = scene(sketch)
      check(input, planFleet(input))
    }),
    { numRuns: 400 },
  )
}

const creates = (plan: Plan): readonly CreateAction[] =>
  plan.actions.filter((action) => action.verb === 'create')

const isOver = ({ state }: ObservedEngine) => ['exited', 'dead', 'removing'].includes(state)

function engineOf(action: Exclude<Action, CreateAction>, input: PlanInput): ObservedEngine {
  const engine = input.observation.engines.find(({ id }) => id === action.id)
  if (engine === undefined) throw new Error(`${said(action)}: no such container`)
  return engine
}

function nodeJoinedBy(networkMode: string, input: PlanInput): ObservedNode | undefined {
  return input.observation.nodes.find(
    ({ containerId }) => containerId !== undefined && networkMode === `container:${containerId}`,
  )
}

/** Reserved sessions, as far as the store can know of them. */
function streamsOn({ id, createdAt }: ObservedEngine, { memory, now }: PlanInput) {
  if (createdAt < memory.bornAt && now < memory.bornAt + 15_000) return 'unknown'
  const load = memory.streams.get(id)
  return load === undefined ? 0 : load.active + load.pending
}

const closes = (request: UserRequest) => request.kind === 'cordon' || request.kind === 'drainNode'

/** Whether a node is up that neither the spec nor a user cordoned. */
function isAnyOpenAndUp({ observation, memory, fleet }: PlanInput): boolean {
  const closed = new Set([
    ...memory.requests.flatMap((request) => (closes(request) ? [request.node] : [])),
    ...fleet.vpn.nodes.filter(({ cordon }) => cordon).map(({ name }) => name),
  ])
  return observation.nodes.some(({ name, state }) => state === 'up' && !closed.has(name))
}

/** Dead as DESIGN "Promises" has it, told from the raw observation. */
function isDead(engine: ObservedEngine, input: PlanInput): boolean {
  const { fleet, observation, memory, now } = input
  const node = nodeJoinedBy(engine.networkMode, input)
  const streams = streamsOn(engine, input)
  const isFlowing = now - (memory.streams.get(engine.id)?.lastBytesAt ?? 0) < 15_000
  const isServing = streams === 'unknown' || (streams > 0 && isFlowing)
  const others = observation.nodes.filter((other) => other !== node)
  const anotherUp = others.some(({ state }) => state === 'up')
  const anotherStands = others.some(hasTunnel)
  const isVpn = fleet.vpn.mode !== 'none'
  if (isOver(engine) || engine.startError !== undefined) return true
  if (isVpn && node === undefined && engine.joinedRunning !== true) return true
  if (isVpn && engine.departed && engine.labels.vpnGeneration !== engine.departed.generation)
    return true
  if (isVpn && node !== undefined) {
    if (!node.running) return true
    if (node.lost && node.reason !== TUNNEL_DEAD && anotherStands) return true
    if (node.lost && anotherUp && !isServing) return true
    const { vpnGeneration = node.generation } = engine.labels
    const isOlder = engine.startedAt !== undefined && engine.startedAt < node.startedAt
    if (engine.state !== 'created' && (isOlder || vpnGeneration !== node.generation)) return true
  }
  const { ready, failures } = engine.health
  if (ready || isServing) return false
  const isLate =
    !memory.engines.has(engine.id) && now - (engine.startedAt ?? now) >= fleet.engine.startTimeoutMs
  return isLate || failures >= fleet.engine.health.failures
}

/** Runs, but outside every VPN that its fleet names or ever named (I10). */
function isOutside({ networkMode, labels, departed }: ObservedEngine, input: PlanInput): boolean {
  const { vpn } = input.fleet
  if (vpn.mode === 'none' || nodeJoinedBy(networkMode, input) !== undefined) return false
  const [madeFor] = labels.vpnGeneration?.split('@') ?? []
  return departed === undefined || departed.generation.split('@')[0] !== madeFor
}

describe('any plan', () => {
  it('creates at most one forwarded engine per scope, and none beside one that has not exited (I1)', () => {
    always((input, plan) => {
      const { scope } = input.fleet.forwarding
      const bearers = input.observation.engines.filter(
        (e) => !isOver(e) && (e.labels.forwarded || isForwardedSlot(e.slot)),
      )
      const listed = input.observation.engines.map(({ name }) => name)
      const coming = input.pending.filter(
        (p) => p.forwarded && !listed.includes(containerName('home', p.slot)),
      )
      for (const action of creates(plan)) {
        const { labels } = action.spec
        expect(labels['acestream.forwarded']).toBe(action.forwarded ? 'true' : undefined)
        expect(isForwardedSlot(action.slot)).toBe(action.forwarded)
        if (!action.forwarded) continue
        const isSameScope = (vpn: string | undefined) => scope === 'fleet' || vpn === action.vpn
        const rivals = [
          ...bearers.map((e) => nodeJoinedBy(e.networkMode, input)?.name),
          ...coming.map((p) => p.vpn),
          ...creates(plan)
            .filter((other) => other !== action && other.forwarded)
            .map((other) => other.vpn),
        ]
        expect(rivals.filter(isSameScope)).toEqual([])
        const node = input.observation.nodes.find(({ name }) => name === action.vpn)
        expect(labels['acefleet.p2p-port']).toBe(String(node?.forwardedPort))
        expect(node?.forwardedPort).not.toBe(0)
      }
    })
  })

  it('creates one container per free slot and none beyond replicas + maxSurge (I2)', () => {
    always((input, plan) => {
      const { fleet, observation, pending } = input
      const names = [...observation.engines, ...observation.foreign].map(({ name }) => name)
      const promised = pending.filter((p) => p.verb === 'create').map(({ slot }) => slot)
      const taken = [...names, ...promised.map((slot) => containerName(fleet.name, slot))]
      const made = creates(plan).map(({ spec }) => spec.name)
      expect(new Set([...taken, ...made]).size).toBe(new Set(taken).size + made.length)

      const most = fleet.replicas + fleet.update.maxSurge
      const ordinary = creates(plan).flatMap(({ slot, forwarded }) => (forwarded ? [] : slot))
      for (const slot of ordinary) expect(slotNumber(slot)).toBeLessThan(most)

      const live = observation.engines.filter(
        (e) =>
          !isDead(e, input) &&
          !isOutside(e, input) &&
          input.memory.marks.get(e.id)?.kind !== 'failed',
      )
      const unlisted = promised.filter((slot) => !names.includes(containerName(fleet.name, slot)))
      if (made.length > 0)
        expect(live.length + unlisted.length + made.length).toBeLessThanOrEqual(most)
    })
  })

  it('stops or removes only what is dead, outside its VPN, drained or out of time (I5)', () => {
    always((input, plan) => {
      for (const action of plan.actions) {
        if (action.verb !== 'stop' && action.verb !== 'remove') continue
        const engine = engineOf(action, input)
        const mark = input.memory.marks.get(engine.id)
        const neverRan = engine.state === 'created'
        const isDrained = mark !== undefined && streamsOn(engine, input) === 0
        const isOutOfTime = mark !== undefined && input.now >= mark.deadlineAt
        const isDecided = mark?.stopAt !== undefined || mark?.kind === 'failed'
        const isGiven = isDead(engine, input) || isOutside(engine, input)
        expect({
          action: said(action),
          mayEnd: isGiven || neverRan || isDrained || isOutOfTime || isDecided,
        }).toEqual({ action: said(action), mayEnd: true })
        if (action.verb === 'remove') expect(isOver(engine) || neverRan).toBe(true)
      }
    })
  })

  it('creates and starts in the network of a VPN node that is up in this generation, or of none (I10)', () => {
    always((input, plan) => {
      const isNone = input.fleet.vpn.mode === 'none'
      for (const action of plan.actions) {
        if (action.verb === 'create') {
          const { networkMode, labels } = action.spec
          if (isNone) {
            expect(networkMode).toBe('bridge')
            continue
          }
          const node = nodeJoinedBy(networkMode, input)
          const isBest = node?.state === 'up' || action.forwarded || !isAnyOpenAndUp(input)
          expect(node !== undefined && hasTunnel(node) && isBest).toBe(true)
          expect(labels['acestream.vpn_container']).toBe(node?.name)
          expect(labels['acefleet.vpn-generation']).toBe(node?.generation)
          const asked = input.memory.requests.some((r) => closes(r) && r.node === node?.name)
          const written = input.fleet.vpn.nodes.some((n) => n.name === node?.name && n.cordon)
          expect({ cordoned: asked || written }).toEqual({ cordoned: false })
        }
        if (action.verb === 'start' && !isNone) {
          const engine = engineOf(action, input)
          const node = nodeJoinedBy(engine.networkMode, input)
          expect(node !== undefined && hasTunnel(node)).toBe(true)
          expect(engine.labels.vpnGeneration).toBe(node?.generation)
        }
      }
    })
  })

  it('ends at once what it finds outside every VPN (I10)', () => {
    always((input, plan) => {
      const touched = new Set(plan.actions.flatMap((a) => (a.verb === 'create' ? [] : [a.id])))
      const pending = new Set(input.pending.map((p) => containerName('home', p.slot)))
      const outside = input.observation.engines.filter(
        (e) => isOutside(e, input) && e.joinedRunning !== false && !pending.has(e.name),
      )
      for (const { id, name } of outside) expect([name, touched.has(id)]).toEqual([name, true])
    })
  })

  it('gives every new engine ports that nobody in its namespace has (I11)', () => {
    always((input, plan) => {
      const { fleet, observation } = input
      const used = new Map<string, number[]>()
      const portsOn = (vpn: string) => used.get(vpn) ?? []
      for (const node of observation.nodes) used.set(node.name, [...GLUETUN_PORTS])
      for (const engine of observation.engines) {
        const node = nodeJoinedBy(engine.networkMode, input)
        const { httpPort, p2pPort } = engine.labels
        if (node === undefined || isOver(engine)) continue
        used.set(node.name, [...portsOn(node.name), httpPort ?? 0, p2pPort ?? 0])
      }
      for (const { slot, vpn, forwarded } of creates(plan)) {
        if (vpn === undefined) continue
        const range = fleet.vpn.nodes.find(({ name }) => name === vpn)?.ports ?? {
          first: 0,
          last: 0,
        }
        const granted = observation.nodes.find(({ name }) => name === vpn)?.forwardedPort ?? 0
        const ports = enginePorts(range, fleet.engine.ports, slot, forwarded ? granted : undefined)
        const own = Object.values(ports)
        const others = [...portsOn(vpn), ...(forwarded || granted === 0 ? [] : [granted])]
        expect(ports.http).toBeLessThanOrEqual(range.last)
        expect(own.filter((port) => others.includes(port))).toEqual([])
        expect(new Set(own).size).toBe(4)
        used.set(vpn, [...portsOn(vpn), ...own])
      }
    })
  })

  it('does to an engine exactly what the machine answers to one event in its phase', () => {
    const verbs: Readonly<Record<LifecycleAction, Action['verb'] | undefined>> = {
      create: 'create',
      start: 'start',
      noteReady: 'noteReady',
      markDraining: 'drain',
      markFailed: undefined,
      stop: 'stop',
      remove: 'remove',
    }
    const answers = (phase: Phase) =>
      (lifecycle.events as readonly LifecycleEvent['type'][]).map((event) =>
        step(phase, event).actions.flatMap((name) => verbs[name] ?? []),
      )
    always((input, plan) => {
      const told = new Map<ContainerId, Action['verb'][]>()
      for (const action of plan.actions) {
        if (action.verb === 'create') continue
        told.set(action.id, [...(told.get(action.id) ?? []), action.verb])
      }
      for (const [id, done] of told) {
        const engine = input.observation.engines.find((e) => e.id === id)
        if (engine === undefined) throw new Error('acts on a container that is not there')
        const wasReady = input.memory.engines.has(id)
        const phase = phaseOf({ state: engine.state, mark: input.memory.marks.get(id), wasReady })
        expect(answers(phase)).toContainEqual(done)
      }
      expect(answers('Pending')).toContainEqual(['create', 'start'])
    })
  })

  it('is the same whenever it is made of the same', () => {
    always((input, plan) => expect(planFleet(input)).toEqual(plan))
  })

  it('does not depend on the order of lists', () => {
    fc.assert(
      fc.property(anySketch, fc.nat(), (sketch, seed) => {
        const input = scene(sketch)
        const { actions, bookkeeping, ...rest } = planFleet(shuffled(input, seed))
        const plan = planFleet(input)
        expect(rest).toEqual({
          conditions: plan.conditions,
          engines: plan.engines,
          vpns: plan.vpns,
          forwarding: plan.forwarding,
          wakeAt: plan.wakeAt,
        })
        expect(actions).toEqual(plan.actions)
        expect(new Set(bookkeeping)).toEqual(new Set(plan.bookkeeping))
      }),
      { numRuns: 400 },
    )
  })

  it('asks to be woken in the future only', () => {
    always((_, plan) => expect(plan.wakeAt ?? Number.POSITIVE_INFINITY).toBeGreaterThan(NOW))
  })

  it('touches nobody when nothing can be known: VPNs unread, probes blind, streams forgotten (I9)', () => {
    const blindness = fc.record({
      failures: fc.nat(5),
      ready: fc.boolean(),
      wasReady: fc.boolean(),
      ageMs: fc.constantFrom(5_000, 600_000),
    })
    fc.assert(
      fc.property(fc.array(blindness, { maxLength: 6 }), fc.boolean(), (engines, hasForgotten) => {
        const input = scene({
          spec: { replicas: engines.length },
          nodes: [
            { name: 'a', state: 'unknown', port: 51_000 },
            { name: 'b', state: 'unknown' },
          ],
          engines: engines.map(({ failures, ready, wasReady, ageMs }, index) => ({
            slot: index === 0 ? 'forwarded' : String(index),
            on: index % 2 === 0 ? 'a' : 'b',
            ready,
            wasReady: wasReady || ready,
            ageMs,
            health: { failures: ready ? 0 : failures, blindSince: NOW - 60_000 },
          })),
          bornAt: hasForgotten ? NOW - 500 : NOW - 86_400_000,
        })
        // An engine that was never heard of is not condemned; one whose API failed as often as it may was heard.
        const mayFail = engines.some(({ failures, ready }) => !ready && failures >= 3)
        const deeds = planFleet(input).actions.map(({ verb }) => verb)
        if (!mayFail || hasForgotten)
          expect(deeds.filter((verb) => verb !== 'noteReady')).toEqual([])
      }),
    )
  })
})
