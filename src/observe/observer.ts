import type { ContainerId, DockerEvent, DockerReader } from '../docker/port.ts'
import type { EngineProber } from '../engine/prober.ts'
import type { Fleet } from '../spec/fleet.ts'
import type { EngineNote } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import type { VpnMonitor } from '../vpn/monitor.ts'
import { makeDeathNotices } from './death-notices.ts'
import { wordsSaid } from './engine-words.ts'
import { makeEngineObserver, probeTargets } from './engines.ts'
import { findForeign, isOurs } from './foreign.ts'
import { makeNodeObserver } from './nodes.ts'
import type { Observation } from './observation.ts'
import { hasProcess } from './rows.ts'
import { makeSightings } from './sightings.ts'

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

export function makeObserver(parts: ObserverParts): Observer {
  const { instance, docker, prober, vpns, clock } = parts
  const nodeObserver = makeNodeObserver({ docker, vpns, clock })
  const sightings = makeSightings(clock)
  const engineObserver = makeEngineObserver(docker, prober, sightings)
  const deaths = makeDeathNotices(clock)
  /** Owned by observe. */
  let reviewAt: number | undefined

  return {
    async observe(fleet, notes, signal) {
      await deaths.written(docker.inspect, signal)
      const startedAt = clock.now()
      const askedAt = clock.monotonic()
      const rows = await docker.list(signal)
      const ours = rows.filter((row) => isOurs(row, instance, fleet.name))
      sightings.note(ours, askedAt)
      const nodes = await nodeObserver.observe(fleet, rows, wordsSaid(ours, prober), signal)
      const reviews = [...nodeObserver.reviewAts(), deaths.lookAgainAt(rows)].filter(
        (at) => at !== undefined,
      )
      reviewAt = reviews.length === 0 ? undefined : Math.min(...reviews)
      const running = new Set<string>(rows.filter(hasProcess).map((row) => row.id))
      const departed = await nodeObserver.departed(ours, nodes, running, signal)
      const engines = await engineObserver.observe(ours, { running, departed }, notes, signal)
      prober.setTargets(probeTargets(engines, nodes, fleet, notes, startedAt))
      const foreign = findForeign(rows, fleet, instance, nodes)
      return { fleet: fleet.name, startedAt, engines, foreign, nodes }
    },
    reviewAt: () => reviewAt,
    hear: deaths.hear,
  }
}
