import { existsSync } from 'node:fs'
import Docker from 'dockerode'

/** By these labels the tests' containers are known; their values carry the pid of the process that made them. */
const LABELS = ['acefleet.instance', 'acefleet.test', 'acefleet.quickstart']
const MADE_BY = /^test-t(\d+)x\d+$/

/** Vitest's global set-up: removes what killed test processes left behind, and nothing of living ones. */
export default async function sweep(): Promise<void> {
  const docker = new Docker()
  const rows = await docker.listContainers({ all: true })
  const leaked = rows.filter((row) =>
    LABELS.some((label) => {
      const pid = MADE_BY.exec(row.Labels[label] ?? '')?.[1]
      return pid !== undefined && !existsSync(`/proc/${pid}`)
    }),
  )
  await Promise.allSettled(leaked.map((row) => docker.getContainer(row.Id).remove({ force: true })))
}
