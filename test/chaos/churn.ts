import type { ContainerInfo } from 'dockerode'
import type { Random } from '../sim/random.ts'
import type { Stage } from './stage.ts'
import { type ChaosViewer, startViewer } from './viewers.ts'

/** What keeps a fleet busy while faults strike. */
export interface Churn {
  /** An engine dies as by a crash: one without viewers, of the place that has failed least. */
  killEngine(): Promise<void>
  /** Another version of all engines is wanted. */
  rollOut(): Promise<void>
  /** One engine less or more is wanted. */
  resize(): Promise<void>
  /** Viewers come to so many engines. */
  watchEngines(count: number): Promise<void>
  viewers(): readonly ChaosViewer[]
  /** The viewers leave. */
  end(): Promise<void>
}

const FEWEST = 3
const MOST = 5

export function makeChurn(stage: Stage, random: Random): Churn {
  const { docker, facts, instance, fleet, store } = stage
  let viewers: readonly ChaosViewer[] = []

  async function running(): Promise<ContainerInfo[]> {
    const label = [`acefleet.instance=${instance}`]
    const rows = await docker.listContainers({ filters: { label } })
    return rows.toSorted((a, b) => (a.Names[0] ?? '').localeCompare(b.Names[0] ?? ''))
  }

  /** How often an engine of this place was killed: more often, and its replacement would have to back off. */
  function killsOf(slot: string | undefined): number {
    const ids = new Set(facts.killed.map(({ id }) => id))
    return facts.engines.filter(
      (e) => e.action === 'create' && ids.has(e.id) && e.labels['acefleet.slot'] === slot,
    ).length
  }

  return {
    async killEngine() {
      const idle = (await running()).filter(({ Id }) => !viewers.some(({ id }) => id === Id))
      const fewest = Math.min(...idle.map((row) => killsOf(row.Labels['acefleet.slot'])))
      const candidates = idle.filter((row) => killsOf(row.Labels['acefleet.slot']) === fewest)
      if (candidates.length === 0) return
      const { Id: id } = random.pick(candidates)
      facts.killed.push({ id, at: Date.now() })
      // It may be on its way out already.
      await docker
        .getContainer(id)
        .kill()
        .catch(() => {})
    },
    rollOut: () => stage.edit({ version: stage.wanted().version + 1 }),
    resize() {
      const { replicas } = stage.wanted()
      const isGrowing = replicas === FEWEST || (replicas < MOST && random.chance(0.5))
      return stage.edit({ replicas: replicas + (isGrowing ? 1 : -1) })
    },
    async watchEngines(count) {
      const rows = await running()
      const chosen = rows.map((row) => ({ row, at: random.next() })).toSorted((a, b) => a.at - b.at)
      for (const { row } of chosen.slice(0, count)) {
        const viewer = await startViewer(store, fleet, row.Id, facts)
        if (viewer !== undefined) viewers = [...viewers, viewer]
      }
    },
    viewers: () => viewers,
    async end() {
      await Promise.all(viewers.map((viewer) => viewer.end()))
      viewers = []
    },
  }
}
