import { spawnSync } from 'node:child_process'
import { installPackages } from './apt.ts'
import { findProgram, type Say } from './root.ts'

/** The words that call Compose: the docker client's plugin, else the program of its own; undefined where neither is. */
export function findCompose(): readonly string[] | undefined {
  const plugin = spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' })
  if (plugin.status === 0) return ['docker', 'compose']
  return findProgram('docker-compose') === undefined ? undefined : ['docker-compose']
}

/** Installs Compose from Debian where there is none. */
export function ensureCompose(say: Say): void {
  if (findCompose() === undefined) installPackages('Compose', ['docker-compose'], [], say)
}
