import { delimiter } from 'node:path'
import type { Command, Option } from 'commander'
import type { LogLevel } from '../telemetry/log-level.ts'
import { flag } from './flag.ts'
import type { GatewayFlags } from './gateway-flags.ts'
import type { CommandContext } from './parts.ts'
import { addRedisFlags, type LeaseFlags, type RedisFlags, redisUrlOf } from './redis-flags.ts'
import {
  DEFAULT_LISTEN,
  dockerEnvOf,
  type ListenAddress,
  type LookOptions,
  parseInstance,
  parseListen,
  parseLogLevel,
  parseRoles,
  ROLES,
  type Role,
} from './run-options.ts'
import { makeServerClient, parseServerUrl, type ServerClient } from './server-client.ts'

export { flag }

const DEFAULT_SERVER = `http://${DEFAULT_LISTEN.host}:${DEFAULT_LISTEN.port}`

/** What `--spec`, `--data`, `--docker`, `--instance` and `--log-level` parse to. */
export interface LookFlags extends RedisFlags {
  readonly spec: readonly string[]
  readonly data: string
  readonly docker?: string
  readonly instance: string
  readonly logLevel: LogLevel
}

export interface RunFlags extends LookFlags, LeaseFlags, GatewayFlags {
  readonly role: ReadonlySet<Role>
  readonly listen: ListenAddress
}

/** Adds the flags of commands that look at Docker and the data directory themselves. */
export function addLookFlags(command: Command): Command {
  command.addOption(
    flag('--data <dir>', 'where the embedded store is, for one process').default('.acefleet'),
  )
  return addRedisFlags(command)
    .addOption(
      flag('--docker <url>', 'the daemon, instead of DOCKER_HOST or the current docker context'),
    )
    .addOption(
      flag('--instance <id>', 'engines of another instance are not touched')
        .argParser(parseInstance)
        .default('default'),
    )
    .addOption(
      flag('--log-level <level>', 'trace, debug, info, warn or error')
        .argParser(parseLogLevel)
        .default('info'),
    )
}

/** The specs' paths. From the variable they come joined, like PATH. */
export function specFlag(): Option {
  return flag('--spec <path...>', 'spec files or folders; several may be given')
}

/** The address to listen on. */
export function listenFlag(): Option {
  return flag(
    '--listen <host:port>',
    'where the API is served; it has no password, so keep it local',
  )
    .argParser(parseListen)
    .default(DEFAULT_LISTEN, `${DEFAULT_LISTEN.host}:${DEFAULT_LISTEN.port}`)
}

/** What the process does. */
export function roleFlag(): Option {
  return flag(
    '--role <roles>',
    'what this process does, with commas; without controller it needs --redis',
  )
    .argParser(parseRoles)
    .default(new Set(ROLES), ROLES.join(','))
}

/** The paths that were given, on the line or in the variable. */
function specPathsOf(command: Command, spec: readonly string[] | undefined): string[] {
  const paths = [...(spec ?? [])]
  if (command.getOptionValueSource('spec') !== 'env') return paths
  return paths.flatMap((path) => path.split(delimiter)).filter((path) => path !== '')
}

/** The options that flags and environment make. */
export function lookOptionsOf(
  context: CommandContext,
  command: Command,
  flags: LookFlags,
): LookOptions {
  const url = redisUrlOf(flags)
  return {
    specPaths: specPathsOf(command, flags.spec),
    dataDir: flags.data,
    redis: url === undefined ? undefined : { url },
    dockerHost: flags.docker,
    dockerEnv: dockerEnvOf(context.env, context.home),
    instance: flags.instance,
    logLevel: flags.logLevel,
    hostname: context.hostname,
  }
}

/** Adds `--server`. */
export function addServerFlag(command: Command): Command {
  return command.addOption(
    flag('--server <url>', 'the running acefleet to ask').default(DEFAULT_SERVER),
  )
}

/** A client of the server that `--server` names. */
export function clientOf(
  context: CommandContext,
  flags: { readonly server: string },
): ServerClient {
  const { signal, err } = context.io
  const warn = (text: string) => err.write(`acefleet: ${text}\n`)
  return makeServerClient(parseServerUrl(flags.server), signal, warn)
}

export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml'

/** Adds `-o`. */
export function outputFlag(formats: readonly OutputFormat[]): Option {
  return flag('-o, --output <format>', 'how it is printed').choices(formats).default('table')
}
