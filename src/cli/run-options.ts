import { InvalidArgumentError } from 'commander'
import type { GatewaySettings } from '../gateway/settings.ts'
import type { LeaseTiming } from '../lease/timing.ts'
import { DURATION, parseDuration } from '../spec/quantity.ts'
import { LOG_LEVELS, type LogLevel } from '../telemetry/log-level.ts'

/** Where the listener binds. Port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Environment variables by name, as the process got them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where replicas keep what they share, and who of them acts is settled. URLs may hold passwords: they are no text for messages. */
export interface RedisSettings {
  /** The one data server. */
  readonly url: string
  /** The lease servers, 1, 3 or 5; `url` alone where none are named. */
  readonly leaseUrls: readonly string[]
  readonly timing: LeaseTiming
}

/** What a process may do: look after fleets, serve streams, answer the API. */
export const ROLES = ['controller', 'gateway', 'api'] as const
export type Role = (typeof ROLES)[number]

/** What the long-running process needs to know, read once from flags and environment. */
export interface RunOptions {
  /** Files and folders, as the user named them. */
  readonly specPaths: readonly string[]
  /** Where the embedded store lives; not used with `redis`. */
  readonly dataDir: string
  /** Undefined: the embedded store, and this process alone. */
  readonly redis?: RedisSettings | undefined
  /** `--docker`; wins over what `dockerEnv` says. */
  readonly dockerHost?: string | undefined
  /** DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, DOCKER_CONTEXT, DOCKER_CONFIG; HOME is where contexts are kept. */
  readonly dockerEnv: Environment
  readonly listen: ListenAddress
  /** One at least. */
  readonly roles: ReadonlySet<Role>
  readonly gateway: GatewaySettings
  /** Where other gateways reach this one; undefined: as `listen` tells. */
  readonly relayUrl: string | undefined
  /** Value of the `acefleet.instance` label: containers of another instance are not ours. */
  readonly instance: string
  readonly logLevel: LogLevel
  readonly hostname: string
}

/** What a single pass needs: `plan` and `doctor`. */
export interface LookOptions
  extends Omit<RunOptions, 'listen' | 'redis' | 'roles' | 'gateway' | 'relayUrl'> {
  readonly redis?: Pick<RedisSettings, 'url'> | undefined
}

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

/** Reads roles, with commas between them. */
export function parseRoles(text: string): ReadonlySet<Role> {
  const named = text.split(',').map((name) => name.trim())
  const roles = ROLES.filter((role) => named.includes(role))
  if (named.some((name) => !ROLES.some((role) => role === name)))
    throw new InvalidArgumentError(`It must be one or more of ${ROLES.join(', ')}, with commas.`)
  return new Set(roles)
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

/** Reads `6s`, `1m30s`, `500ms`; answers ms. */
export function parseDurationFlag(text: string): number {
  const ms = DURATION.test(text) ? parseDuration(text) : 0
  if (ms <= 0) throw new InvalidArgumentError('It must be a duration above 0, for instance 6s.')
  return ms
}
