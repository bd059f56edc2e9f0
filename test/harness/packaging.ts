import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type Docker from 'dockerode'
import { standInBase } from '../standins/build.ts'

/** A build copies 150 MB on a busy machine; Compose waits ten seconds for each container that it stops. */
const commandTimeoutMs = 170_000

/** Runs a program and returns its stdout; fails with all that it printed. */
export async function run(
  [program = '', ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
  cwd = '.',
): Promise<string> {
  const variables = { ...process.env, ...env }
  const options = { timeout: commandTimeoutMs, env: variables, cwd, maxBuffer: 1 << 26 }
  const { stdout } = await promisify(execFile)(program, args, options)
  return stdout
}

/** Builds by the builder that every daemon has: BuildKit is a package of its own in Debian. */
async function build(tag: string, context: string, ...args: readonly string[]) {
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
async function buildNodeBase(tag: string, folder: string): Promise<void> {
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
    `FROM ${standInBase}\nLABEL acefleet.standin=node\nCOPY npm-cli /usr/bin/npm\nCOPY npm /npm\nENTRYPOINT []\n`,
  )
  await build(tag, folder)
}

/** Of images that a test run leaves for the next one, as the stand-ins' are. */
const keptImages = { base: 'acefleet/test-node:dev', image: 'acefleet/test:dev' }

/**
 * Builds deploy/Dockerfile on {@link buildNodeBase}, and returns both tags. The images stay: the daemon's cache makes
 * the next build of the same files a matter of seconds.
 */
export async function buildAcefleet(docker: Docker): Promise<{ base: string; image: string }> {
  const { base, image } = keptImages
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-packaging-'))
  try {
    await renewing(docker, base, () => buildNodeBase(base, folder))
    const args = ['-f', 'deploy/Dockerfile', '--build-arg', `NODE_IMAGE=${base}`]
    await renewing(docker, image, () => build(image, '.', ...args))
    return keptImages
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a build has taken the tag from goes, unless something still uses it. */
async function renewing(docker: Docker, tag: string, build: () => Promise<unknown>): Promise<void> {
  const idOf = () =>
    docker
      .getImage(tag)
      .inspect()
      .then(
        ({ Id }) => Id,
        () => undefined,
      )
  const before = await idOf()
  await build()
  if (before === undefined || before === (await idOf())) return
  await docker
    .getImage(before)
    .remove()
    .catch(() => {})
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
