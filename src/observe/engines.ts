import type { ContainerId, ContainerSummary, DockerReader } from '../docker/port.ts'
import { FLEET_LABEL, readLabels, SLOT_LABEL } from '../engine/labels.ts'
import { slotOfName } from '../engine/place.ts'
import type { EngineProber, ProbeTarget } from '../engine/prober.ts'
import type { Fleet } from '../spec/fleet.ts'
import type { EngineNote } from '../store/store.ts'
import { hostOf } from './host.ts'
import type { DepartedNode, ObservedEngine, ObservedNode } from './observation.ts'
import { hasProcess, joinedId } from './rows.ts'
import type { Sightings } from './sightings.ts'

/** So long after a tunnel came back its engines are asked often whether they came back with it, ms. */
const RECONNECTED_MS = 90_000
/** So long after an engine was cut off its neighbours are asked often; a state that lasts is looked at seldom, ms. */
const DOUBT_MS = 90_000

/** What an engine sits in. */
export interface Surroundings {
  /** Ids of all containers that have a process. */
  readonly running: ReadonlySet<string>
  readonly departed: ReadonlyMap<string, DepartedNode>
}

/** Looks at engines. Remembers when they started, which holds for as long as they run. */
export interface EngineObserver {
  /** The fleet's engines; one inspect for each that is not known to have started well. */
  observe(
    ours: readonly ContainerSummary[],
    around: Surroundings,
    notes: ReadonlyMap<ContainerId, EngineNote>,
    signal: AbortSignal,
  ): Promise<readonly ObservedEngine[]>
}

export function makeEngineObserver(
  docker: Pick<DockerReader, 'inspect'>,
  prober: Pick<EngineProber, 'health'>,
  sightings: Pick<Sightings, 'of'>,
): EngineObserver {
  /** StartedAt of engines that run. Owned by startOf. */
  const started = new Map<ContainerId, number>()

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

  async function observeEngine(
    row: ContainerSummary,
    around: Surroundings,
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
      ...sightings.of(row.id),
      health: prober.health(row.id),
    }
  }

  return {
    observe(ours, around, notes, signal) {
      const listed = new Set(ours.map((row) => row.id))
      for (const id of started.keys()) if (!listed.has(id)) started.delete(id)
      return Promise.all(ours.map((row) => observeEngine(row, around, notes.has(row.id), signal)))
    },
  }
}

/**
 * How often an engine is asked about its network: often while its word may settle what its node's state is. Where
 * there is no VPN nobody needs to know.
 */
function networkTurns(
  node: ObservedNode | undefined,
  engines: readonly ObservedEngine[],
  now: number,
): ProbeTarget['network'] {
  if (node === undefined) return 'never'
  const { state, reconnectedAt = -Infinity, containerId } = node
  if (state === 'down') return node.running ? 'often' : 'seldom'
  if (now - reconnectedAt < RECONNECTED_MS) return 'often'
  const isOneCutOff = engines.some(
    ({ networkMode, health }) =>
      joinedId(networkMode) === containerId &&
      health.network?.connected === false &&
      now - health.network.since < DOUBT_MS,
  )
  return isOneCutOff ? 'often' : 'seldom'
}

/** Whom to probe from now on: running engines whose address is known. */
export function probeTargets(
  engines: readonly ObservedEngine[],
  nodes: readonly ObservedNode[],
  fleet: Fleet,
  notes: ReadonlyMap<ContainerId, EngineNote>,
  now: number,
): ProbeTarget[] {
  return engines.flatMap((engine) => {
    const joined = joinedId(engine.networkMode)
    const node = nodes.find((n) => n.containerId === joined && joined !== undefined)
    const host = hostOf(engine, node, fleet.network.bind)
    const port = engine.labels.httpPort
    if (!hasProcess(engine) || host === undefined || port === undefined) return []
    const firstReadyAt = notes.get(engine.id)?.firstReadyAt
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    const network = networkTurns(node, engines, now)
    return [{ id: engine.id, url, settings: fleet.engine.health, firstReadyAt, network }]
  })
}
