import { createHash } from 'node:crypto'
import type { ContainerId, ContainerState } from '../../src/docker/port.ts'
import { containerName, isForwardedSlot } from '../../src/engine/place.ts'
import { enginePorts } from '../../src/engine/ports.ts'
import { engineTemplate } from '../../src/engine/template.ts'
import type { Epoch } from '../../src/lease/lease.ts'
import type {
  DepartedNode,
  EngineHealth,
  ForeignContainer,
  Generation,
  ObservedEngine,
  ObservedNode,
} from '../../src/observe/observation.ts'
import type { Action, PendingAction, Plan } from '../../src/plan/action.ts'
import type { PlanInput } from '../../src/plan/input.ts'
import type { Fleet, PortRange } from '../../src/spec/fleet.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { NodeNote } from '../../src/store/node-note.ts'
import type { Backoff, RolloutNote, StreamLoad, UserRequest } from '../../src/store/store.ts'

/** When every scene plays, Unix ms. */
export const NOW = Date.UTC(2026, 0, 1, 12)
const DAY_MS = 86_400_000

/** A VPN node as a scene names it: up, with a forwarded port or without, unless it says otherwise. */
export interface NodeSketch extends Partial<Omit<ObservedNode, 'forwardedPort'>> {
  readonly name: string
  /** The forwarded port that was granted; 0 when none was. */
  readonly port?: number
  readonly ports?: PortRange
  readonly cordon?: boolean
}

/** An engine as a scene names it: of the present spec, ready for an hour and idle, unless it says otherwise. */
export interface EngineSketch {
  readonly slot: string
  /** The VPN node that it joined; the first one by default. */
  readonly on?: string
  readonly name?: string
  readonly state?: ContainerState
  readonly ready?: boolean
  /** Whether its first good answer is remembered; as `ready` by default. */
  readonly wasReady?: boolean
  readonly ageMs?: number
  readonly readyForMs?: number
  readonly outdated?: boolean
  readonly streams?: number
  readonly lastBytesAt?: number
  readonly mark?: Partial<Mark>
  readonly health?: Partial<EngineHealth>
  readonly startError?: string
  readonly labels?: Partial<ObservedEngine['labels']>
  readonly networkMode?: string
  readonly joinedRunning?: boolean
  readonly departed?: DepartedNode
  /** By our own clock; not seen by default. */
  readonly notListedAt?: number
  readonly seenStartingAt?: number
}

export interface SpecSketch {
  readonly replicas: number
  readonly scope?: Fleet['forwarding']['scope']
  readonly prefer?: string
  readonly maxSurge?: number
  readonly maxUnavailable?: number
  readonly image?: string
  readonly restartEnginesOnReconnect?: Fleet['vpn']['restartEnginesOnReconnect']
}

export interface Sketch {
  readonly spec: SpecSketch
  /** None: mode `none`. */
  readonly nodes?: readonly NodeSketch[]
  readonly engines?: readonly EngineSketch[]
  readonly foreign?: readonly Partial<ForeignContainer>[]
  readonly backoff?: Readonly<Record<string, Partial<Backoff>>>
  readonly requests?: readonly UserRequest[]
  readonly rollout?: RolloutNote
  /** By VPN node. */
  readonly notes?: Readonly<Record<string, NodeNote>>
  readonly pending?: readonly (Partial<PendingAction> & Pick<PendingAction, 'verb' | 'slot'>)[]
  readonly bornAt?: number
}

/** A container id that follows from a name. */
export function idOf(name: string): ContainerId {
  return createHash('sha256').update(name).digest('hex') as ContainerId
}

/** The spec of a scene: a fleet called `home`, on the nodes given. */
export function fleetOf(spec: SpecSketch, nodes: readonly NodeSketch[] = []): Fleet {
  return {
    name: 'home',
    replicas: spec.replicas,
    engine: {
      variant: 'krinkuto11-amd64',
      image: spec.image ?? 'engine:new',
      pullPolicy: 'IfNotPresent',
      env: {},
      args: [],
      maxStreams: 2,
      resources: {},
      health: { intervalMs: 5_000, timeoutMs: 2_000, failures: 3 },
      startTimeoutMs: 60_000,
      ports: { https: 16_000, api: 17_000, p2p: 18_000 },
    },
    network: { ports: { first: 19_000, last: 19_499 }, bind: '127.0.0.1', name: 'bridge' },
    vpn: {
      mode: nodes.length === 0 ? 'none' : nodes.length === 1 ? 'single' : 'redundant',
      downGraceMs: 15_000,
      restartEnginesOnReconnect: spec.restartEnginesOnReconnect ?? 'auto',
      restartVpnAfterMs: 'never',
      restartContainerAfterMs: 'never',
      nodes: nodes.map(({ name, ports, cordon = false }, index) => {
        const first = 19_000 + 500 * index
        return { name, control: {}, ports: ports ?? { first, last: first + 499 }, cordon }
      }),
    },
    forwarding: {
      scope: nodes.length === 0 ? 'none' : (spec.scope ?? 'fleet'),
      prefer: spec.prefer,
      portGraceMs: 300_000,
    },
    update: {
      maxSurge: spec.maxSurge ?? 1,
      maxUnavailable: spec.maxUnavailable ?? 0,
      drainTimeoutMs: 600_000,
    },
  }
}

/** A VPN node as it is observed. */
function observedNode({ port = 0, ports: _, cordon: __, ...node }: NodeSketch): ObservedNode {
  const { name, state = 'up' } = node
  return {
    containerId: idOf(name),
    running: true,
    generation: `${name}@1` as Generation,
    startedAt: NOW - DAY_MS,
    health: 'healthy',
    address: '172.17.0.2',
    control: { kind: 'unreachable', message: 'not asked in a scene', at: NOW },
    state,
    reason: state === 'up' ? 'Running' : 'NotUp',
    message: state === 'up' ? 'running' : `${name} is not up`,
    since: NOW - DAY_MS,
    lost: state === 'down',
    forwardedPort: port,
    portLosses: 0,
    readySince: state === 'up' ? (node.since ?? NOW - DAY_MS) : undefined,
    ...node,
  }
}

const isUp = (state: ContainerState) => state === 'running' || state === 'paused'

function healthOf(sketch: EngineSketch): EngineHealth {
  const { ready = true, wasReady = ready, readyForMs = 3_600_000 } = sketch
  return {
    ready,
    firstReadyAt: wasReady ? NOW - readyForMs : undefined,
    readySince: ready ? NOW - readyForMs : undefined,
    failures: 0,
    failingSince: undefined,
    lastError: '',
    ...sketch.health,
  }
}

/** An engine as it is observed in the namespace of its node, or published where there is none. */
function observedEngine(
  sketch: EngineSketch,
  fleet: Fleet,
  nodes: readonly ObservedNode[],
): ObservedEngine {
  const { slot, state = 'running', ageMs = 3_600_000, outdated = false } = sketch
  const node = nodes.find(({ name }) => name === (sketch.on ?? nodes[0]?.name))
  const name = sketch.name ?? containerName(fleet.name, slot)
  const range = fleet.vpn.nodes.find((n) => n.name === node?.name)?.ports ?? fleet.network.ports
  const forwarded = sketch.labels?.forwarded ?? isForwardedSlot(slot)
  const granted = forwarded ? node?.forwardedPort : undefined
  const ports = enginePorts(range, fleet.engine.ports, slot, granted)
  const network = node ? `container:${node.containerId}` : fleet.network.name
  const { networkMode = network, joinedRunning = node?.running } = sketch
  return {
    id: idOf(name),
    name,
    slot,
    state,
    networkMode,
    joinedRunning: networkMode.startsWith('container:') ? joinedRunning : undefined,
    departed: sketch.departed,
    image: fleet.engine.image,
    labels: {
      specHash: outdated ? 'of-an-old-spec' : engineTemplate(fleet).specHash,
      epoch: 1,
      p2pPort: ports.p2p,
      httpPort: ports.http,
      httpsPort: ports.https,
      apiPort: ports.api,
      vpnGeneration: node?.generation,
      vpnContainer: node?.name,
      forwarded,
      ...sketch.labels,
    },
    createdAt: NOW - ageMs,
    startedAt: isUp(state) ? NOW - ageMs : undefined,
    notListedAt: sketch.notListedAt,
    seenStartingAt: sketch.seenStartingAt,
    startError: sketch.startError,
    health: healthOf(sketch),
  }
}

function markOf(engine: ObservedEngine, mark: Partial<Mark>): Mark {
  return {
    containerId: engine.id,
    kind: 'draining',
    reason: 'EngineDraining',
    at: NOW - 1_000,
    deadlineAt: NOW + 600_000,
    epoch: 1 as Epoch,
    ...mark,
  }
}

/** All that a plan may depend on, from a sketch that says only what the test is about. */
export function scene(sketch: Sketch): PlanInput {
  const { nodes: named = [], engines: sketches = [] } = sketch
  const fleet = fleetOf(sketch.spec, named)
  const nodes = named.map(observedNode)
  const engines = sketches.map((each) => observedEngine(each, fleet, nodes))
  const byEngine = <T>(pick: (sketch: EngineSketch, engine: ObservedEngine) => T | undefined) =>
    new Map(
      engines.flatMap((engine, index): [ContainerId, T][] => {
        const value = pick(sketches[index] as EngineSketch, engine)
        return value === undefined ? [] : [[engine.id, value]]
      }),
    )
  return {
    instance: 'default',
    fleet,
    template: engineTemplate(fleet),
    epoch: 2 as Epoch,
    observation: {
      fleet: fleet.name,
      startedAt: NOW,
      engines,
      foreign: (sketch.foreign ?? []).map((foreign) => ({
        id: idOf(foreign.name ?? 'stranger'),
        name: 'stranger',
        holdsSlot: undefined,
        forwardedOn: undefined,
        ...foreign,
      })),
      nodes,
    },
    memory: {
      incarnation: 'i',
      bornAt: sketch.bornAt ?? NOW - DAY_MS,
      marks: byEngine(({ mark }, engine) => mark && markOf(engine, mark)),
      engines: byEngine(({ ready = true, wasReady = ready }, { health }) =>
        wasReady ? { firstReadyAt: health.firstReadyAt ?? NOW } : undefined,
      ),
      streams: byEngine(({ streams = 0, lastBytesAt = NOW }): StreamLoad | undefined =>
        streams === 0 ? undefined : { active: streams, pending: 0, lastBytesAt },
      ),
      backoff: new Map(
        Object.entries(sketch.backoff ?? {}).map(([slot, backoff]) => [
          slot,
          { failures: 1, notBefore: NOW, containerId: idOf(`gone ${slot}`), ...backoff },
        ]),
      ),
      requests: sketch.requests ?? [],
      rollout: sketch.rollout,
      nodes: new Map(Object.entries(sketch.notes ?? {})),
    },
    pending: (sketch.pending ?? []).map((each) => ({
      vpn: undefined,
      forwarded: isForwardedSlot(each.slot),
      id: undefined,
      since: NOW - 100,
      outcome: 'inFlight',
      ...each,
    })),
    now: NOW,
  }
}

/** An action as one would say it: `create 1 on a`, `drain 0`, `stop 0 failed`. */
export function said(action: Action): string {
  const { verb, slot } = action
  if (verb === 'create' && action.vpn !== undefined) return `create ${slot} on ${action.vpn}`
  if (verb === 'stop' && action.mark === 'failed') return `stop ${slot} failed`
  return `${verb} ${slot}`
}

/** What a plan does to the world, in its order. */
export function deeds(plan: Plan): readonly string[] {
  return plan.actions.map(said)
}
