import { InvalidArgumentError } from 'commander'
import { LOG_LEVELS, type LogLevel } from '../telemetry/log-level.ts'

/** Where the listener binds. Port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Environment variables by name, as the process got them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What the long-running process needs to know, read once from flags and environment. */
export interface RunOptions {
  /** Files and folders, as the user named them. */
  readonly specPaths: readonly string[]
  /** Where the embedded store lives. */
  readonly dataDir: string
  /** `--docker`; wins over what `dockerEnv` says. */
  readonly dockerHost?: string | undefined
  /** DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, DOCKER_CONTEXT, DOCKER_CONFIG; HOME is where contexts are kept. */
  readonly dockerEnv: Environment
  readonly listen: ListenAddress
  /** Value of the `acefleet.instance` label: containers of another instance are not ours. */
  readonly instance: string
  readonly logLevel: LogLevel
  readonly hostname: string
}

/** What a single pass needs: `plan` and `doctor`. */
export type LookOptions = Omit<RunOptions, 'listen'>

export const DEFAULT_LISTEN: ListenAddress = { host: '127.0.0.1', port: 8000 }

const DOCKER_VARIABLES = [
  'DOCKER_HOST',
  'DOCKER_TLS_VERIFY',
  'DOCKER_CERT_PATH',
  'DOCKER_CONTEXT',
  'DOCKER_CONFIG',
]

/** The part of the environment that says where the Docker daemon is, as the docker client reads it. */
export function dockerEnvOf(env: Environment, home: string): Environment {
  const named = Object.fromEntries(DOCKER_VARIABLES.map((name) => [name, env[name]]))
  return { ...named, HOME: home }
}

/** Reads `HOST:PORT`, `:PORT`, `PORT` or `[::1]:PORT`. */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]\s]*)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new InvalidArgumentError('It must be HOST:PORT, for instance 127.0.0.1:8000.')
  }
  const host = match[1] ?? match[2] ?? DEFAULT_LISTEN.host
  // `:8000` means every address, as in other tools; `8000` alone stays on the loopback.
  return { host: host === '' ? '0.0.0.0' : host, port }
}

/** Reads a value that fits a Docker label and reads well in a list. */
export function parseInstance(text: string): string {
  if (!/^[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$/.test(text)) {
    throw new InvalidArgumentError('It must be letters, digits, dots and dashes, 63 at most.')
  }
  return text
}

export function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((each) => each === text.toLowerCase())
  if (level === undefined) throw new InvalidArgumentError(`It must be ${LOG_LEVELS.join(', ')}.`)
  return level
}
