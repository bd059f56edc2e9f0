import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Docker from 'dockerode'
import { collectNodeRoot, fingerprint } from './image/node-root.ts'
import { collectSources } from './image/sources.ts'
import { makeTar, type TarEntry } from './image/tar.ts'

/** The tags of the stand-in images. */
export interface StandInImages {
  readonly engine: string
  /** The same engine as a newer version, so that a rolling update has somewhere to go. */
  readonly engineNext: string
  readonly gluetun: string
}

export interface BuildOptions {
  /** Default: the daemon that DOCKER_HOST names, else the local socket. */
  readonly docker?: Docker | undefined
  /** Gets one line per step. */
  readonly onProgress?: ((line: string) => void) | undefined
}

/** Thrown when the daemon could not build an image; the message is its own. */
export class BuildFailed extends Error {
  override readonly name = 'BuildFailed'
  readonly code = 'STANDIN_BUILD_FAILED'
}

/** Images of ours carry it; its value is a hash of all that went into them. */
const hashLabel = 'acefleet.standin'

/** A build takes 3 s; a minute and a half says that the daemon hangs. */
const buildTimeoutMs = 90_000

export const standInBase = 'acefleet/standin-base:dev'

const standInImages: StandInImages = {
  engine: 'acefleet/standin-engine:dev',
  engineNext: 'acefleet/standin-engine:next',
  gluetun: 'acefleet/standin-gluetun:dev',
}

/** How one image is made. */
export interface Recipe {
  readonly tag: string
  /** Names all that goes in. */
  readonly hash: string
  readonly context: () => Promise<readonly TarEntry[]>
  readonly buildArgs?: Readonly<Record<string, string>>
}

/**
 * Builds what is missing or outdated of the stand-in images, from this machine's own Node and without a registry. When
 * all are there it only looks. Two at once do the same work twice and end with the same images.
 */
export async function buildStandIns(options: BuildOptions = {}): Promise<StandInImages> {
  const docker = options.docker ?? new Docker()
  const onProgress = options.onProgress ?? (() => undefined)
  const recipes = await makeRecipes()
  await ensureImages(docker, recipes, onProgress)
  return standInImages
}

/** Builds those that are missing or outdated, in this order. */
export async function ensureImages(
  docker: Docker,
  recipes: readonly Recipe[],
  onProgress: (line: string) => void = () => undefined,
): Promise<void> {
  const outdated: string[] = []
  for (const recipe of recipes) {
    const present = await inspectImage(docker, recipe.tag)
    if (present?.hash === recipe.hash) {
      onProgress(`${recipe.tag} is there`)
      continue
    }
    onProgress(`${recipe.tag} is being built …`)
    await build(docker, recipe)
    if (present !== undefined) outdated.push(present.id)
  }
  // Children before parents. Whatever still runs from an old image keeps it.
  for (const id of outdated.reverse()) await removeUnused(docker, id)
}

async function makeRecipes(): Promise<readonly Recipe[]> {
  const root = await collectNodeRoot()
  const baseFile = dockerfile('base')
  const base: Recipe = {
    tag: standInBase,
    hash: fingerprint([baseFile, ...root]),
    context: async () => [
      baseFile,
      ...root.map((entry) => ({ ...entry, path: `root/${entry.path}` })),
    ],
  }
  const child = (tag: string, kind: 'engine' | 'gluetun', version: string): Recipe => {
    const { files, bundle } = collectSources(kind)
    const file = dockerfile(kind)
    return {
      tag,
      hash: fingerprint([file, ...files, { path: base.hash, mode: 0, content: version }]),
      context: async () => [file, ...(await bundle())],
      buildArgs: { VERSION: version },
    }
  }
  return [
    base,
    child(standInImages.engine, 'engine', '3.1.70'),
    child(standInImages.engineNext, 'engine', '3.2.11'),
    child(standInImages.gluetun, 'gluetun', 'v3.41.3'),
  ]
}

function dockerfile(kind: string): TarEntry {
  const content = readFileSync(new URL(`./${kind}/Dockerfile`, import.meta.url))
  return { path: 'Dockerfile', mode: 0o644, content }
}

async function build(docker: Docker, recipe: Recipe): Promise<void> {
  const stream = await docker.buildImage(makeTar(await recipe.context()), {
    t: recipe.tag,
    labels: { [hashLabel]: recipe.hash },
    buildargs: { ...recipe.buildArgs },
    abortSignal: AbortSignal.timeout(buildTimeoutMs),
    forcerm: true,
  })
  // A failed step does not fail the stream: it stands in it, and only there.
  for (const { error } of await readProgress(docker, stream)) {
    if (error !== undefined) throw new BuildFailed(`${recipe.tag}: ${error}`)
  }
  if ((await inspectImage(docker, recipe.tag))?.hash !== recipe.hash) {
    throw new BuildFailed(`${recipe.tag}: the daemon ended the build without an image`)
  }
}

interface ProgressLine {
  readonly error?: string
}

function readProgress(
  docker: Docker,
  stream: NodeJS.ReadableStream,
): Promise<readonly ProgressLine[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error, lines) =>
      error === null ? resolve(lines) : reject(error),
    )
  })
}

async function inspectImage(
  docker: Docker,
  tag: string,
): Promise<{ id: string; hash: string | undefined } | undefined> {
  try {
    const { Id, Config } = await docker.getImage(tag).inspect()
    return { id: Id, hash: Config.Labels?.[hashLabel] }
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined
    throw error
  }
}

/** Not forced: a container or an image made from it keeps it, and 404 means that it is gone already. */
async function removeUnused(docker: Docker, id: string): Promise<void> {
  try {
    await docker.getImage(id).remove()
  } catch (error) {
    const status = (error as { statusCode?: number }).statusCode
    if (status !== 409 && status !== 404) throw error
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await buildStandIns({ onProgress: (line) => console.log(line) })
  } catch (error) {
    console.error(`The stand-in images could not be built: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
