import type Docker from 'dockerode'
import type { Say } from '../setup/root.ts'
import type { Ending } from './child.ts'
import { demo } from './demo.ts'
import {
  type Containers,
  containersText,
  type Fall,
  type Reign,
  type Replica,
  reignOf,
  successionText,
} from './leading.ts'
import type { Picture } from './progress.ts'

/** Later than that a new reign has nothing to do with a process's end, ms. */
const longestVacancyMs = 60_000

export interface HeraldParts {
  readonly docker: Docker
  readonly tell: Say
  readonly replicas: () => readonly Replica[]
}

/** Notices who leads, and tells when somebody else does. */
export interface Herald {
  look(picture: Picture): Promise<void>
  /** A process has ended. */
  fell(who: string, ending: Ending): void
  /** The fleets that a process led when last looked at. */
  ledBy(pid: number): readonly string[]
}

export function makeHerald({ docker, tell, replicas }: HeraldParts): Herald {
  const reigns = new Map<string, Reign>()
  /** Of all fleets, as the leaders published them last. */
  let containers: Containers = new Map()
  let fall: Fall | undefined

  async function crown(fleet: string, before: Reign, now: Reign): Promise<void> {
    const atMs = performance.now()
    const recent = fall && atMs - fall.ending.atMs < longestVacancyMs ? fall : undefined
    const running = await runningEngines(docker)
    const said = successionText(fleet, { before, now }, replicas(), recent, atMs)
    tell(`${said}. ${containersText(containers, running)}`)
    fall = undefined
  }

  return {
    fell(who, ending) {
      fall = { who, ending }
    },
    ledBy: (pid) => [...reigns].filter(([, reign]) => reign.pid === pid).map(([fleet]) => fleet),
    async look({ fleets, engines }) {
      for (const fleet of fleets) {
        const before = reigns.get(fleet.name)
        const now = reignOf(fleet)
        if (now === undefined || (before !== undefined && now.epoch <= before.epoch)) continue
        reigns.set(fleet.name, now)
        if (before !== undefined) await crown(fleet.name, before, now)
      }
      const known = engines.flatMap(({ name, containerId }) =>
        containerId === null ? [] : [[name, containerId] as const],
      )
      // A store that has just lost its memory knows none.
      if (known.length > 0) containers = new Map(known)
    },
  }
}

/** By Docker's own word. */
async function runningEngines(docker: Docker): Promise<Containers> {
  const label = [`acefleet.instance=${demo.instance}`]
  const found = await docker.listContainers({ filters: { label, status: ['running'] } })
  return new Map(found.map(({ Names, Id }) => [Names[0]?.slice(1) ?? '', Id]))
}
