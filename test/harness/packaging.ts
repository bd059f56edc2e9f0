import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { standInBase } from '../standins/build.ts'

/** A build copies 150 MB on a busy machine; Compose waits ten seconds for each container that it stops. */
const commandTimeoutMs = 170_000

/** Runs a program and returns its stdout; fails with all that it printed. */
export async function run(
  [program = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const options = { timeout: commandTimeoutMs, env: { ...process.env, ...env }, maxBuffer: 1 << 26 }
  const { stdout } = await promisify(execFile)(program, args, options)
  return stdout
}

/** Builds by the builder that every daemon has: BuildKit is a package of its own in Debian. */
export async function build(tag: string, context: string, ...args: readonly string[]) {
  return run(['docker', 'build', '-q', '-t', tag, ...args, context], { DOCKER_BUILDKIT: '0' })
}

/** What `npm ci --omit=dev --omit=optional` installs, by the lockfile. */
function productionModules(): readonly string[] {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: true; optional?: true; devOptional?: true }>
  }
  return Object.entries(packages)
    .filter(([path, { dev, optional, devOptional }]) => path && !(dev || optional || devOptional))
    .map(([path]) => path)
}

/** Answers to `npm ci` as the Dockerfile calls it, from a folder of the image. */
const npm = `#!/usr/bin/node
const asked = process.argv.slice(2).join(' ')
if (asked !== 'ci --omit=dev --omit=optional') throw new Error('not known here: npm ' + asked)
require('node:fs').cpSync('/npm/node_modules', 'node_modules', { recursive: true })
`

/**
 * Builds what stands in for Docker Hub's Node image: the stand-ins' base, which has this machine's Node, and an `npm`
 * that installs from a folder of the image, where no registry answers.
 */
export async function buildNodeBase(tag: string, folder: string): Promise<void> {
  for (const path of productionModules()) {
    const to = join(folder, 'npm', path)
    mkdirSync(dirname(to), { recursive: true })
    // A package's own node_modules are packages of the list, too.
    cpSync(path, to, {
      recursive: true,
      filter: (from) => !from.slice(path.length).includes('node_modules'),
    })
  }
  writeFileSync(join(folder, 'npm-cli'), npm, { mode: 0o755 })
  writeFileSync(
    join(folder, 'Dockerfile'),
    `FROM ${standInBase}\nCOPY npm-cli /usr/bin/npm\nCOPY npm /npm\nENTRYPOINT []\n`,
  )
  await build(tag, folder)
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
