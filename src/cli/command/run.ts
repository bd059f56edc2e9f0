import type { Command } from 'commander'
import { CommandFailed } from '../command-failed.ts'
import {
  addLookFlags,
  drainTimeoutFlag,
  flag,
  listenFlag,
  lookOptionsOf,
  type RunFlags,
  specFlag,
} from '../flags.ts'
import type { CommandContext } from '../parts.ts'
import { addLeaseFlags, redisSettingsOf } from '../redis-flags.ts'

const STDOUT = 1

/** A flag of the design that this version cannot honour: set and ignored, it would promise what is not so. */
function refuseRole(role: string | undefined): void {
  if (role === undefined) return
  throw new CommandFailed(
    '--role (ACEFLEET_ROLE) comes with a later version: this one runs all roles in one process. Leave it out.',
  )
}

/** `acefleet run`. */
export function addRun(program: Command, context: CommandContext): void {
  const command = program
    .command('run')
    .description(
      'Keep the fleets of the specs running, until interrupted. Engines go on without it.',
    )
    .addOption(specFlag().makeOptionMandatory())
  addLeaseFlags(addLookFlags(command))
    .addOption(listenFlag())
    .addOption(drainTimeoutFlag())
    .addOption(flag('--role <role>', 'not yet').hideHelp())
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ acefleet run --spec specs\n' +
        '  $ acefleet run --spec home.yaml --spec away.yaml --data /var/lib/acefleet\n' +
        '  $ ACEFLEET_SPEC=specs ACEFLEET_LISTEN=0.0.0.0:8000 acefleet run\n\n' +
        'Several replicas, of which one leads each fleet (the same command on each, with files that say the same):\n' +
        '  $ acefleet run --spec specs --redis redis://redis:6379\n' +
        '  $ acefleet run --spec specs --redis redis://redis:6379?passwordFile=/run/secrets/redis \\\n' +
        '      --lease-redis redis://lease-1 redis://lease-2 redis://lease-3',
    )
    .action(async (flags: RunFlags & { readonly role?: string }) => {
      refuseRole(flags.role)
      const look = lookOptionsOf(context, command, flags)
      const { listen, drainTimeout: drainTimeoutMs } = flags
      const options = { ...look, redis: redisSettingsOf(command, flags), listen, drainTimeoutMs }
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
