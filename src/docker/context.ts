import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { DockerHostInvalid } from './errors.ts'

/** A docker context's endpoint, as `docker context create` stored it. */
export interface DockerContext {
  readonly host: string
  readonly tls: {
    readonly ca: Buffer | undefined
    readonly cert: Buffer | undefined
    readonly key: Buffer | undefined
    readonly skipsVerify: boolean
  }
}

const configFile = z.object({ currentContext: z.string().optional() })

const metaFile = z.object({
  Endpoints: z.object({
    docker: z.object({ Host: z.string().min(1), SkipTLSVerify: z.boolean().optional() }),
  }),
})

/** The context that `docker context use` chose; undefined when none was. */
export function readCurrentContext(configDir: string): string | undefined {
  const path = join(configDir, 'config.json')
  const text = readIfThere(path)
  if (text === undefined) return undefined
  return parse(configFile, path, text.toString()).currentContext
}

/** @throws {DockerHostInvalid} when there is no such context, or none for Docker. */
export function readContext(configDir: string, name: string): DockerContext {
  // The docker client names a context's folders by the hash of its name.
  const folder = createHash('sha256').update(name).digest('hex')
  const path = join(configDir, 'contexts', 'meta', folder, 'meta.json')
  const text = readIfThere(path)
  if (text === undefined) {
    throw new DockerHostInvalid(
      `docker context "${name}" is not there (${path}): choose one of \`docker context ls\` by \`docker context use\`, or set DOCKER_HOST`,
    )
  }
  const { docker } = parse(metaFile, path, text.toString()).Endpoints
  const tls = (file: string) =>
    readIfThere(join(configDir, 'contexts', 'tls', folder, 'docker', file))
  return {
    host: docker.Host,
    tls: {
      ca: tls('ca.pem'),
      cert: tls('cert.pem'),
      key: tls('key.pem'),
      skipsVerify: docker.SkipTLSVerify ?? false,
    },
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new DockerHostInvalid(`${path} can not be read (${code})`, { cause })
  }
}

function parse<T>(schema: z.ZodType<T>, path: string, text: string): T {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new DockerHostInvalid(`${path} is not as the docker client writes it`, { cause })
  }
}
