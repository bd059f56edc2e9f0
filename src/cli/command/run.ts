import type { Command } from 'commander'
import { CommandFailed } from '../command-failed.ts'
import {
  addLookFlags,
  listenFlag,
  lookOptionsOf,
  type RunFlags,
  roleFlag,
  specFlag,
} from '../flags.ts'
import { addGatewayFlags, gatewayOptionsOf } from '../gateway-flags.ts'
import type { CommandContext } from '../parts.ts'
import { addLeaseFlags, redisSettingsOf } from '../redis-flags.ts'

const STDOUT = 1

/** Only a controller reads specs; and whoever is none shares the store of one. @throws {CommandFailed} */
function checkRoles({ role, spec }: Partial<Pick<RunFlags, 'role' | 'spec'>>, isShared: boolean) {
  if (role?.has('controller')) {
    if (spec === undefined)
      throw new CommandFailed("required option '--spec <path...>' not specified")
  } else if (!isShared)
    throw new CommandFailed(
      '--role (ACEFLEET_ROLE) without "controller" needs --redis (ACEFLEET_REDIS): the store that it shares with the controllers',
    )
}

/** `acefleet run`. */
export function addRun(program: Command, context: CommandContext): void {
  const command = program
    .command('run')
    .description(
      'Keep the fleets of the specs running, until interrupted. Engines go on without it.',
    )
    .addOption(specFlag())
  addGatewayFlags(addLeaseFlags(addLookFlags(command)).addOption(listenFlag()))
    .addOption(roleFlag())
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ acefleet run --spec specs\n' +
        '  $ acefleet run --spec home.yaml --spec away.yaml --data /var/lib/acefleet\n' +
        '  $ ACEFLEET_SPEC=specs ACEFLEET_LISTEN=0.0.0.0:8000 acefleet run\n\n' +
        'Several replicas, of which one leads each fleet (the same command on each, with files that say the same):\n' +
        '  $ acefleet run --spec specs --redis redis://redis:6379\n' +
        '  $ acefleet run --spec specs --redis redis://redis:6379?passwordFile=/run/secrets/redis \\\n' +
        '      --lease-redis redis://lease-1 redis://lease-2 redis://lease-3\n\n' +
        'A process that only serves streams, on the Redis of the replicas:\n' +
        '  $ acefleet run --role gateway --redis redis://redis:6379 --listen 0.0.0.0:8000',
    )
    .action(async (flags: RunFlags) => {
      const redis = redisSettingsOf(command, flags)
      checkRoles(flags, redis !== undefined)
      const look = lookOptionsOf(context, command, flags)
      const { listen, role: roles } = flags
      const options = { ...look, redis, listen, roles, ...gatewayOptionsOf(flags) }
      const { out, signal } = context.io
      // Loaded only where it logs: half of this program's start is the loading of libraries.
      const { makeLogger } = await import('../../telemetry/log.ts')
      const log = makeLogger({
        level: options.logLevel,
        pretty: out.isTerminal,
        colour: out.isTerminal && !context.env.NO_COLOR,
        clock: context.clock,
        to: STDOUT,
      })
      context.exit(await context.runServer(options, { log, signal }))
    })
}
