import type { ContainerId } from '../docker/port.ts'
import type { StreamLoad } from '../store/store.ts'
import type { EngineStatus } from '../telemetry/status.ts'

/** How well engines do in the swarm, per session: the median of the engines', each the mean of its sessions. */
export interface P2pGroupView {
  /** Engines whose sessions tell. */
  readonly engines: number
  readonly peers: number
  readonly downBytesPerS: number
  readonly upBytesPerS: number
}

/** The forwarded engine beside the others; null where no session tells. */
export interface P2pView {
  readonly forwarded: P2pGroupView | null
  readonly others: P2pGroupView | null
}

type Streams = ReadonlyMap<ContainerId, StreamLoad>

/** Of an even number the mean of the two in the middle. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low = 0, high = 0] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return (low + high) / 2
}

function groupOf(engines: readonly EngineStatus[], streams: Streams): P2pGroupView | null {
  const stats = engines.flatMap(({ containerId }) => {
    const stat = containerId === undefined ? undefined : streams.get(containerId)?.stat
    return stat === undefined ? [] : [stat]
  })
  if (stats.length === 0) return null
  const perSession = (of: 'peers' | 'downBytesPerS' | 'upBytesPerS') =>
    Math.round(median(stats.map((stat) => stat[of] / stat.sessions)))
  return {
    engines: stats.length,
    peers: perSession('peers'),
    downBytesPerS: perSession('downBytesPerS'),
    upBytesPerS: perSession('upBytesPerS'),
  }
}

export function p2pView(engines: readonly EngineStatus[], streams: Streams): P2pView {
  return {
    forwarded: groupOf(
      engines.filter((engine) => engine.forwarded),
      streams,
    ),
    others: groupOf(
      engines.filter((engine) => !engine.forwarded),
      streams,
    ),
  }
}
