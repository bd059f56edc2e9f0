import { spawnSync } from 'node:child_process'
import { asRoot, findProgram, type Say } from './root.ts'
import { SetupError } from './setup-error.ts'

/** Installs Debian packages after saying so. `ifKnown` are taken along where this release has them. */
export function installPackages(
  purpose: string,
  packages: readonly string[],
  ifKnown: readonly string[],
  say: Say,
): void {
  if (findProgram('apt-get') === undefined) {
    throw new SetupError(
      `${purpose} needs ${packages.join(', ')}, and this is no Debian (no apt-get): install it by hand, then run this again.`,
    )
  }
  asRoot(['apt-get', 'update', '-q'], `Reading Debian's package lists for ${purpose}`, say)
  const known = ifKnown.filter(hasCandidate)
  // sudo drops the environment, so it is given on the line: no package may stop to ask.
  const install = [
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'NEEDRESTART_SUSPEND=1',
    'apt-get',
    'install',
    '-y',
    '-q',
  ]
  const names = ['--no-install-recommends', ...packages, ...known]
  asRoot([...install, ...names], `Installing ${purpose} from Debian`, say)
}

function hasCandidate(name: string): boolean {
  const { stdout } = spawnSync('apt-cache', ['policy', name], { encoding: 'utf8' })
  return /Candidate: \d/.test(stdout)
}
