import type {
  ContainerDetail,
  ContainerId,
  ContainerSummary,
  DockerEvent,
  DockerReader,
} from '../docker/port.ts'
import {
  FLEET_LABEL,
  FORWARDED_LABEL,
  INSTANCE_LABEL,
  readLabels,
  SLOT_LABEL,
} from '../engine/labels.ts'
import { slotOfName } from '../engine/place.ts'
import type { EngineProber, ProbeTarget } from '../engine/prober.ts'
import type { Fleet, VpnNode } from '../spec/fleet.ts'
import type { EngineNote } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import type { NodeContainer } from '../vpn/judge.ts'
import type { MonitoredNode, VpnMonitor } from '../vpn/monitor.ts'
import { createNodeJudge } from '../vpn/node-judge.ts'
import { makeDeathNotices } from './death-notices.ts'
import { hostOf } from './host.ts'
import {
  type DepartedNode,
  type ForeignContainer,
  generationOf,
  type Observation,
  type ObservedEngine,
  type ObservedNode,
} from './observation.ts'

export interface ObserverParts {
  readonly instance: string
  readonly docker: DockerReader
  readonly prober: EngineProber
  readonly vpns: VpnMonitor
  readonly clock: Clock
}

/** Looks at the world around one fleet. Remembers between looks only what time alone can tell. */
export interface Observer {
  /**
   * One container list, one inspect per VPN node, departed ones included, and one per engine that is not known to
   * have started well. Any failed call rejects the whole observation: nothing may be concluded from half a picture (I9).
   */
  observe(
    fleet: Fleet,
    notes: ReadonlyMap<ContainerId, EngineNote>,
    signal: AbortSignal,
  ): Promise<Observation>
  /** Unix ms at which a look may show what this one does not, though no event comes; undefined when none may. */
  reviewAt(): number | undefined
  /** Takes note of an event that concerns the fleet. Only a hint: lists decide. */
  hear(event: DockerEvent): void
}

const joinedId = (networkMode: string): string | undefined =>
  networkMode.startsWith('container:') ? networkMode.slice('container:'.length) : undefined

/**
 * Whether a container has a process and so a network namespace that stands. A paused one does, and is probed: whoever
 * froze an engine has made it as useless as one that hangs.
 */
function hasProcess({ state }: Pick<ContainerSummary, 'state'>): boolean {
  return state === 'running' || state === 'paused'
}

function isOurs(row: ContainerSummary, instance: string, fleet: string): boolean {
  return row.labels[INSTANCE_LABEL] === instance && row.labels[FLEET_LABEL] === fleet
}

/** What is not ours but matters to the fleet. */
function findForeign(
  rows: readonly ContainerSummary[],
  fleet: Fleet,
  instance: string,
  nodes: readonly ObservedNode[],
): readonly ForeignContainer[] {
  return rows.flatMap((row) => {
    if (isOurs(row, instance, fleet.name)) return []
    const holdsSlot = slotOfName(fleet.name, row.name)
    const joined = joinedId(row.networkMode)
    const carries = row.labels[FORWARDED_LABEL] === 'true' && row.state !== 'exited'
    const node = carries
      ? nodes.find((n) => n.containerId === joined && joined !== undefined)
      : undefined
    return holdsSlot === undefined && node === undefined
      ? []
      : [{ id: row.id, name: row.name, holdsSlot, forwardedOn: node?.name }]
  })
}

/** The container's address on the first Docker network that gave it one. */
function addressOf(detail: ContainerDetail | undefined): string | undefined {
  return detail === undefined ? undefined : Object.values(detail.addresses).find((a) => a !== '')
}

export function makeObserver({ instance, docker, prober, vpns, clock }: ObserverParts): Observer {
  const judge = createNodeJudge()
  const deaths = makeDeathNotices(clock)
  /** When a node's judgement may change by time alone, or a list may show a death. Owned by observe. */
  let reviewAt: number | undefined
  /** StartedAt of engines that run: it holds for as long as they do. Owned by observeEngine. */
  const started = new Map<ContainerId, number>()

  async function observeNode(
    node: VpnNode,
    rows: readonly ContainerSummary[],
    fleet: Fleet,
    signal: AbortSignal,
  ): Promise<{ observed: ObservedNode; monitored: MonitoredNode; reviewAt: number | undefined }> {
    const row = rows.find((r) => r.name === node.name)
    const detail = row === undefined ? undefined : await docker.inspect(row.id, signal)
    const container: NodeContainer =
      detail === undefined ? { kind: 'absent' } : { kind: 'found', detail }
    const generation =
      detail === undefined || detail.startedAt === 0
        ? undefined
        : generationOf(detail.id, detail.startedAtText)
    const control = vpns.latest(node.name, generation)
    const settings = {
      downGraceMs: fleet.vpn.downGraceMs,
      portGraceMs: fleet.forwarding.portGraceMs,
    }
    const judged = judge.judge({ name: node.name, container, control }, settings, clock.now())
    const ownAddress = addressOf(detail)
    const { state, reason, message, since, lost, forwardedPort } = judged
    return {
      observed: {
        name: node.name,
        containerId: detail?.id,
        running: detail !== undefined && hasProcess(detail),
        generation,
        startedAt: detail?.startedAt ?? 0,
        health: detail?.health ?? 'none',
        address: node.address ?? ownAddress,
        control,
        state,
        reason,
        message,
        since,
        lost,
        forwardedPort,
      },
      reviewAt: judged.reviewAt,
      monitored: {
        node,
        address: node.address ?? ownAddress,
        startedAt: detail?.startedAt ?? 0,
        generation,
        wantsPort: fleet.forwarding.scope !== 'none',
      },
    }
  }

  /** When a running engine started, and why a created one did not. */
  async function startOf(row: ContainerSummary, wasReady: boolean, signal: AbortSignal) {
    if (hasProcess(row)) {
      const known = started.get(row.id)
      if (known !== undefined || wasReady) return { startedAt: known, startError: undefined }
      const { startedAt } = await docker.inspect(row.id, signal)
      started.set(row.id, startedAt)
      return { startedAt, startError: undefined }
    }
    started.delete(row.id)
    if (row.state !== 'created') return { startedAt: undefined, startError: undefined }
    const { exitCode, error } = await docker.inspect(row.id, signal)
    const failed = exitCode !== 0 || error !== ''
    return {
      startedAt: undefined,
      startError: failed ? error || `exit code ${exitCode}` : undefined,
    }
  }

  /** Running containers that engines sit in though the spec does not name them, by id. */
  async function observeDeparted(
    ours: readonly ContainerSummary[],
    nodes: readonly ObservedNode[],
    running: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, DepartedNode>> {
    const named = new Set<string | undefined>(nodes.map((node) => node.containerId))
    const joined = new Set(ours.map((row) => joinedId(row.networkMode) ?? ''))
    const ids = [...joined].filter((id) => running.has(id) && !named.has(id))
    const departed = ids.map(async (id): Promise<[string, DepartedNode]> => {
      const detail = await docker.inspect(id, signal)
      const generation = generationOf(detail.id, detail.startedAtText)
      return [id, { name: detail.name, generation, address: addressOf(detail) }]
    })
    return new Map(await Promise.all(departed))
  }

  async function observeEngine(
    row: ContainerSummary,
    around: {
      readonly running: ReadonlySet<string>
      readonly departed: ReadonlyMap<string, DepartedNode>
    },
    wasReady: boolean,
    signal: AbortSignal,
  ): Promise<ObservedEngine> {
    const joined = joinedId(row.networkMode)
    const fleetName = row.labels[FLEET_LABEL] ?? ''
    return {
      id: row.id,
      name: row.name,
      slot: row.labels[SLOT_LABEL] ?? slotOfName(fleetName, row.name) ?? row.name,
      state: row.state,
      networkMode: row.networkMode,
      joinedRunning: joined === undefined ? undefined : around.running.has(joined),
      departed: around.departed.get(joined ?? ''),
      image: row.image,
      labels: readLabels(row.labels),
      createdAt: row.createdAt,
      ...(await startOf(row, wasReady, signal)),
      health: prober.health(row.id),
    }
  }

  /** Whom to probe from now on: running engines whose address is known. */
  function probeTargets(
    engines: readonly ObservedEngine[],
    nodes: readonly ObservedNode[],
    fleet: Fleet,
    notes: ReadonlyMap<ContainerId, EngineNote>,
  ): ProbeTarget[] {
    return engines.flatMap((engine) => {
      const joined = joinedId(engine.networkMode)
      const node = nodes.find((n) => n.containerId === joined && joined !== undefined)
      const host = hostOf(engine, node, fleet.network.bind)
      const port = engine.labels.httpPort
      if (!hasProcess(engine) || host === undefined || port === undefined) return []
      const firstReadyAt = notes.get(engine.id)?.firstReadyAt
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
      return [{ id: engine.id, url, settings: fleet.engine.health, firstReadyAt }]
    })
  }

  return {
    async observe(fleet, notes, signal) {
      await deaths.written(docker.inspect, signal)
      const startedAt = clock.now()
      const rows = await docker.list(signal)
      const seen = await Promise.all(
        fleet.vpn.nodes.map((node) => observeNode(node, rows, fleet, signal)),
      )
      judge.retain(fleet.vpn.nodes.map((node) => node.name))
      const reviews = [...seen.map((s) => s.reviewAt), deaths.lookAgainAt(rows)].filter(
        (at) => at !== undefined,
      )
      reviewAt = reviews.length === 0 ? undefined : Math.min(...reviews)
      const nodes = seen.map((s) => s.observed)
      vpns.setNodes(seen.map((s) => s.monitored))
      const ours = rows.filter((row) => isOurs(row, instance, fleet.name))
      const listed = new Set(ours.map((row) => row.id))
      for (const id of started.keys()) if (!listed.has(id)) started.delete(id)
      const running = new Set<string>(rows.filter(hasProcess).map((row) => row.id))
      const departed = await observeDeparted(ours, nodes, running, signal)
      const engines = await Promise.all(
        ours.map((row) => observeEngine(row, { running, departed }, notes.has(row.id), signal)),
      )
      prober.setTargets(probeTargets(engines, nodes, fleet, notes))
      const foreign = findForeign(rows, fleet, instance, nodes)
      return { fleet: fleet.name, startedAt, engines, foreign, nodes }
    },
    reviewAt: () => reviewAt,
    hear: deaths.hear,
  }
}
