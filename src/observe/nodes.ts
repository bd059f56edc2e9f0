import type { ContainerDetail, ContainerSummary, DockerReader } from '../docker/port.ts'
import { NETWORK_EVERY } from '../engine/probed-engine.ts'
import type { Fleet, VpnNode } from '../spec/fleet.ts'
import type { Clock } from '../time/clock.ts'
import type { NodeContainer } from '../vpn/judge.ts'
import type { MonitoredNode, VpnMonitor } from '../vpn/monitor.ts'
import { createNodeJudge } from '../vpn/node-judge.ts'
import { connectedElsewhereAt, type SaidWord, wordsOf } from './engine-words.ts'
import { type DepartedNode, generationOf, type ObservedNode } from './observation.ts'
import { hasProcess, joinedId } from './rows.ts'

export interface NodeObserverParts {
  readonly docker: Pick<DockerReader, 'inspect'>
  readonly vpns: VpnMonitor
  readonly clock: Clock
}

/** Looks at VPN nodes. Remembers between looks only what time alone can tell. */
export interface NodeObserver {
  /** The fleet's nodes, by one inspect each; the monitor polls these from now on. */
  observe(
    fleet: Fleet,
    rows: readonly ContainerSummary[],
    words: readonly SaidWord[],
    signal: AbortSignal,
  ): Promise<readonly ObservedNode[]>
  /** Running containers that engines sit in though the spec does not name them, by id. */
  departed(
    ours: readonly ContainerSummary[],
    nodes: readonly ObservedNode[],
    running: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, DepartedNode>>
  /** Unix ms at which time alone may change a node's judgement, as of the last look. */
  reviewAts(): readonly number[]
}

/** An engine's word counts until so many of its turns to say it passed. */
const FRESH_ASKS = 3

/** The container's address on the first Docker network that gave it one. */
function addressOf(detail: ContainerDetail | undefined): string | undefined {
  return detail === undefined ? undefined : Object.values(detail.addresses).find((a) => a !== '')
}

export function makeNodeObserver({ docker, vpns, clock }: NodeObserverParts): NodeObserver {
  const judge = createNodeJudge()
  /** Owned by observe. */
  let reviewAts: readonly number[] = []

  async function observeNode(
    node: VpnNode,
    rows: readonly ContainerSummary[],
    said: readonly SaidWord[],
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
      wordFreshMs: FRESH_ASKS * NETWORK_EVERY * fleet.engine.health.intervalMs,
    }
    const words = wordsOf(said, detail?.id, generation)
    const elsewhereAt = connectedElsewhereAt(said, detail?.id)
    const judged = judge.judge(
      { name: node.name, container, control, words, connectedElsewhereAt: elsewhereAt },
      settings,
      clock.now(),
    )
    const ownAddress = addressOf(detail)
    const { state, reason, message, since, lost, forwardedPort, readySince } = judged
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
        portLosses: judged.portLosses.length,
        readySince,
        reconnectedAt: judged.reconnectedAt,
        downSince: judged.downSince,
        grant: judged.grant,
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

  return {
    async observe(fleet, rows, words, signal) {
      const { nodes } = fleet.vpn
      const seen = await Promise.all(
        nodes.map((node) => observeNode(node, rows, words, fleet, signal)),
      )
      judge.retain(nodes.map((node) => node.name))
      reviewAts = seen.flatMap((each) => each.reviewAt ?? [])
      vpns.setNodes(seen.map((each) => each.monitored))
      return seen.map((each) => each.observed)
    },
    async departed(ours, nodes, running, signal) {
      const named = new Set<string | undefined>(nodes.map((node) => node.containerId))
      const joined = new Set(ours.map((row) => joinedId(row.networkMode) ?? ''))
      const ids = [...joined].filter((id) => running.has(id) && !named.has(id))
      const departed = ids.map(async (id): Promise<[string, DepartedNode]> => {
        const detail = await docker.inspect(id, signal)
        const generation = generationOf(detail.id, detail.startedAtText)
        return [id, { name: detail.name, generation, address: addressOf(detail) }]
      })
      return new Map(await Promise.all(departed))
    },
    reviewAts: () => reviewAts,
  }
}
