import type { ContainerId } from '../../src/docker/port.ts'
import { engineLabels, readLabels } from '../../src/engine/labels.ts'
import { containerName, forwardedSlot } from '../../src/engine/place.ts'
import { enginePorts } from '../../src/engine/ports.ts'
import { engineTemplate } from '../../src/engine/template.ts'
import type { Epoch } from '../../src/lease/lease.ts'
import {
  generationOf,
  type ObservedEngine,
  type ObservedNode,
} from '../../src/observe/observation.ts'
import type { PlanInput } from '../../src/plan/input.ts'
import type { Fleet } from '../../src/spec/fleet.ts'
import type { FleetMemory } from '../../src/store/store.ts'

/** Any time will do, as long as nothing is due. */
const NOW = 1_800_000_000_000
const BORN_AT = NOW - 86_400_000
const EPOCH = (NOW - 3_600_000) as Epoch
const PORT = 40_000

/** 64 hex digits, spread like a daemon's. */
function id(number: number): ContainerId {
  const start = (Math.imul(number + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')
  return (start + number.toString(16).padStart(56, '0')) as ContainerId
}

/** A fleet of any size behind two nodes, with the ports of thousands. */
function fleetOf(replicas: number): Fleet {
  const node = (name: string, first: number) => ({
    name,
    control: {},
    ports: { first, last: first + 9_999 },
    cordon: false,
  })
  return {
    name: 'bench',
    replicas,
    engine: {
      variant: 'krinkuto11-amd64',
      image: 'acefleet/engine:bench',
      pullPolicy: 'Never',
      env: {},
      args: [],
      maxStreams: 2,
      resources: {},
      health: { intervalMs: 5_000, timeoutMs: 2_000, failures: 3 },
      startTimeoutMs: 60_000,
      ports: { https: 41_000, api: 48_000, p2p: 55_000 },
    },
    network: { ports: { first: 19_000, last: 19_499 }, bind: '127.0.0.1', name: 'bridge' },
    vpn: {
      mode: 'redundant',
      downGraceMs: 15_000,
      restartEnginesOnReconnect: 'auto',
      restartVpnAfterMs: 60_000,
      restartContainerAfterMs: 'never',
      nodes: [node('gluetun-a', 19_000), node('gluetun-b', 29_000)],
    },
    forwarding: { scope: 'fleet', portGraceMs: 300_000 },
    update: { maxSurge: 1, maxUnavailable: 0, drainTimeoutMs: 600_000 },
  }
}

function nodeOf(name: string, number: number): ObservedNode {
  const containerId = id(1_000_000 + number)
  return {
    name,
    containerId,
    running: true,
    generation: generationOf(containerId, '2026-11-21T07:00:00.000000001Z'),
    startedAt: BORN_AT,
    health: 'healthy',
    address: `10.0.0.${number + 2}`,
    control: {
      kind: 'reading',
      status: 'running',
      publicIp: '198.51.100.7',
      publicIpEnabled: true,
      ports: [PORT + number],
      at: NOW,
    },
    state: 'up',
    reason: 'Up',
    message: 'up',
    since: BORN_AT,
    lost: false,
    forwardedPort: PORT + number,
    portLosses: 0,
    readySince: BORN_AT,
  }
}

function engineOf(
  fleet: Fleet,
  specHash: string,
  slot: string,
  number: number,
  node: ObservedNode,
) {
  const range = fleet.vpn.nodes.find((each) => each.name === node.name)?.ports
  if (range === undefined) throw new Error(`${node.name} is no node of the fleet`)
  const forwarded = slot === forwardedSlot()
  const ports = enginePorts(
    range,
    fleet.engine.ports,
    slot,
    forwarded ? node.forwardedPort : undefined,
  )
  const engine: ObservedEngine = {
    id: id(number),
    name: containerName(fleet.name, slot),
    slot,
    state: 'running',
    networkMode: `container:${node.containerId}`,
    joinedRunning: true,
    image: fleet.engine.image,
    labels: readLabels(
      engineLabels({
        instance: 'default',
        fleet: fleet.name,
        slot,
        specHash,
        epoch: EPOCH,
        ports,
        forwarded,
        vpn: { name: node.name, generation: node.generation ?? '' },
      }),
    ),
    createdAt: BORN_AT + 1_000 * number,
    startedAt: BORN_AT + 1_000 * number,
    startError: undefined,
    health: {
      ready: true,
      firstReadyAt: BORN_AT + 1_000 * number,
      readySince: BORN_AT + 1_000 * number,
      failures: 0,
      failingSince: undefined,
      lastError: '',
    },
  }
  return engine
}

/** A fleet of `n` engines that is what its spec says: the forwarded one and n − 1 others, balanced over two nodes. */
export function settledInput(n: number): PlanInput {
  const fleet = fleetOf(n)
  const template = engineTemplate(fleet)
  const nodes = fleet.vpn.nodes.map(({ name }, number) => nodeOf(name, number))
  const slots = [forwardedSlot(), ...Array.from({ length: n - 1 }, (_, number) => String(number))]
  const engines = slots.flatMap((slot, number) => {
    const node = nodes[number % nodes.length]
    return node === undefined ? [] : [engineOf(fleet, template.specHash, slot, number, node)]
  })
  const memory: FleetMemory = {
    incarnation: 'bench',
    bornAt: BORN_AT,
    marks: new Map(),
    engines: new Map(engines.map((each) => [each.id, { firstReadyAt: each.createdAt }])),
    streams: new Map(),
    backoff: new Map(),
    requests: [],
    rollout: undefined,
    nodes: new Map(),
  }
  const observation = { fleet: fleet.name, startedAt: NOW - 5, engines, foreign: [], nodes }
  const instance = 'default'
  return { instance, fleet, template, epoch: EPOCH, observation, memory, pending: [], now: NOW }
}

type Situation = (settled: PlanInput) => PlanInput

function withEngines(input: PlanInput, engines: readonly ObservedEngine[]): PlanInput {
  return { ...input, observation: { ...input.observation, engines } }
}

function withReplicas(input: PlanInput, replicas: number): PlanInput {
  return { ...input, fleet: { ...input.fleet, replicas } }
}

/** What may befall a fleet that touches all of its engines at once: none of it may be quadratic. */
export const SITUATIONS: Readonly<Record<string, Situation>> = {
  'nothing to do': (settled) => settled,
  'none there yet': (settled) => withEngines(settled, []),
  'half as many wanted': (settled) => withReplicas(settled, Math.floor(settled.fleet.replicas / 2)),
  'spec changed': (settled) => ({
    ...settled,
    template: { ...settled.template, specHash: 'another' },
  }),
  'every second one died': (settled) =>
    withEngines(
      settled,
      settled.observation.engines.map((engine, i) =>
        i % 2 === 0 ? engine : { ...engine, state: 'exited' as const },
      ),
    ),
  'one node lost': (settled) => {
    const [first, ...others] = settled.observation.nodes
    if (first === undefined) return settled
    const lost = { ...first, state: 'down' as const, lost: true, message: 'unreachable' }
    return { ...settled, observation: { ...settled.observation, nodes: [lost, ...others] } }
  },
  'drain of each one asked for': (settled) => ({
    ...settled,
    memory: {
      ...settled.memory,
      requests: settled.observation.engines.map(({ id: containerId }) => ({
        kind: 'drainEngine' as const,
        containerId,
      })),
    },
  }),
  'all creates unanswered': (settled) => ({
    ...withEngines(settled, []),
    pending: settled.observation.engines.map(({ slot, labels }) => ({
      verb: 'create' as const,
      slot,
      vpn: labels.vpnContainer,
      forwarded: labels.forwarded,
      id: undefined,
      since: settled.now,
      outcome: 'unknown' as const,
    })),
  }),
  'all starts under way': (settled) => ({
    ...settled,
    pending: settled.observation.engines.map(({ id, slot, labels }) => ({
      verb: 'start' as const,
      slot,
      vpn: labels.vpnContainer,
      forwarded: labels.forwarded,
      id,
      since: settled.now,
      outcome: 'inFlight' as const,
    })),
  }),
}
