import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DockerContext, readContext, readCurrentContext } from './context.ts'
import { DockerHostInvalid } from './errors.ts'

/** Where the daemon is, ready to be dialled. */
export interface DockerHost {
  /** For people, without credentials: `unix:///var/run/docker.sock`, `tcp://10.0.0.5:2376`. */
  readonly address: string
  readonly target:
    | { readonly kind: 'socket'; readonly path: string }
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  readonly tls: DockerTls | undefined
}

export interface DockerTls {
  readonly ca: Buffer | undefined
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
  /** False only where a docker context says `SkipTLSVerify`. */
  readonly verifies: boolean
}

/** What the docker client would look at; read once by whoever starts the process. */
export interface DockerHostInput {
  /** The `--docker` flag: rules over everything else. */
  readonly url?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
}

/** Docker's own default; a desktop installation brings a context of its own instead. */
const DEFAULT_HOST = 'unix:///var/run/docker.sock'
const PORT = 2375
const TLS_PORT = 2376

/**
 * Finds the daemon as the docker client does: flag, DOCKER_HOST, DOCKER_CONTEXT, the current context, the default
 * socket, in this order.
 * @throws {DockerHostInvalid}
 */
export function resolveDockerHost({ url, env, home }: DockerHostInput): DockerHost {
  const configDir = env.DOCKER_CONFIG || join(home, '.docker')
  const given = url || env.DOCKER_HOST
  if (given) return readHost(given, (isHttps) => envTls(env, configDir, isHttps))
  const name = env.DOCKER_CONTEXT || readCurrentContext(configDir)
  if (name === undefined || name === '' || name === 'default') {
    return readHost(DEFAULT_HOST, () => undefined)
  }
  const context = readContext(configDir, name)
  return readHost(context.host, (isHttps) => contextTls(context, isHttps))
}

type FindTls = (isHttps: boolean) => DockerTls | undefined

function readHost(text: string, findTls: FindTls): DockerHost {
  // The docker client takes a bare `host:port` for tcp.
  const spelled = text.includes('://') ? text : `tcp://${text}`
  if (spelled.startsWith('unix://')) {
    const path = spelled.slice('unix://'.length) || DEFAULT_HOST.slice('unix://'.length)
    return { address: `unix://${path}`, target: { kind: 'socket', path }, tls: undefined }
  }
  if (!URL.canParse(spelled))
    throw new DockerHostInvalid(`${scrub(text)} is no Docker address: ${FORMS}`)
  const url = new URL(spelled)
  switch (url.protocol) {
    case 'tcp:':
    case 'http:':
      return readTcp(url, findTls(false))
    case 'https:':
      return readTcp(url, findTls(true) ?? SYSTEM_TRUST)
    case 'ssh:':
      throw new DockerHostInvalid(
        `${scrub(text)}: Docker over ssh is not supported; forward the socket instead, for instance with ` +
          `\`ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ${url.hostname}\` and DOCKER_HOST=unix:///tmp/docker.sock`,
      )
    default:
      throw new DockerHostInvalid(`${scrub(text)} is no Docker address: ${FORMS}`)
  }
}

const FORMS = 'it should be unix:///path/to/docker.sock, tcp://host:port or https://host:port'

const SYSTEM_TRUST: DockerTls = { ca: undefined, cert: undefined, key: undefined, verifies: true }

function readTcp(url: URL, tls: DockerTls | undefined): DockerHost {
  if (url.hostname === '') throw new DockerHostInvalid(`${url.protocol}// names no host: ${FORMS}`)
  if (url.pathname !== '' && url.pathname !== '/') {
    throw new DockerHostInvalid(`${scrub(url.href)}: a path behind the port is not supported`)
  }
  const port = Number(url.port) || (tls === undefined ? PORT : TLS_PORT)
  const address = `${tls === undefined ? 'tcp' : 'https'}://${url.hostname}:${port}`
  return { address, target: { kind: 'tcp', host: url.hostname, port }, tls }
}

/** TLS as the docker client's environment asks for it: any DOCKER_TLS_VERIFY that is not empty. */
function envTls(
  env: DockerHostInput['env'],
  configDir: string,
  isHttps: boolean,
): DockerTls | undefined {
  if (!env.DOCKER_TLS_VERIFY && !(isHttps && env.DOCKER_CERT_PATH)) return undefined
  const dir = env.DOCKER_CERT_PATH || configDir
  return {
    ca: readPem(dir, 'ca.pem'),
    cert: readPem(dir, 'cert.pem'),
    key: readPem(dir, 'key.pem'),
    verifies: true,
  }
}

function contextTls(context: DockerContext, isHttps: boolean): DockerTls | undefined {
  const { ca, cert, key, skipsVerify } = context.tls
  const isWanted = isHttps || skipsVerify || ca !== undefined || cert !== undefined
  return isWanted ? { ca, cert, key, verifies: !skipsVerify } : undefined
}

function readPem(dir: string, file: string): Buffer {
  try {
    return readFileSync(join(dir, file))
  } catch (cause) {
    const message = `DOCKER_TLS_VERIFY is set, but ${join(dir, file)} can not be read: set DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem`
    throw new DockerHostInvalid(message, { cause })
  }
}

/** Takes `user:password@` out of whatever holds an address. */
export function scrub(text: string): string {
  return text.replace(/\/\/[^/@\s]+@/g, '//')
}
