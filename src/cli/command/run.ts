import type { Command } from 'commander'
import { CommandFailed } from '../command-failed.ts'
import { addLookFlags, flag, listenFlag, lookOptionsOf, type RunFlags, specFlag } from '../flags.ts'
import type { CommandContext } from '../parts.ts'

const STDOUT = 1

/** Flags of the design that this version cannot honour. Set and ignored, they would split a fleet's brain. */
const NOT_YET = ['redis', 'lease-redis', 'role'] as const

interface NotYetFlags {
  readonly redis?: string
  readonly leaseRedis?: string
  readonly role?: string
}

function refuseNotYet(flags: NotYetFlags): void {
  const given = [
    flags.redis === undefined ? [] : ['--redis (ACEFLEET_REDIS)'],
    flags.leaseRedis === undefined ? [] : ['--lease-redis (ACEFLEET_LEASE_REDIS)'],
    flags.role === undefined ? [] : ['--role (ACEFLEET_ROLE)'],
  ].flat()
  if (given.length === 0) return
  throw new CommandFailed(
    `${given.join(' and ')} comes with a later version: this one runs all roles in one process, ` +
      'on the embedded store of --data. Leave it out, and start one process only.',
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
  addLookFlags(command).addOption(listenFlag())
  for (const name of NOT_YET) command.addOption(flag(`--${name} <value>`, 'not yet').hideHelp())
  command
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ acefleet run --spec specs\n' +
        '  $ acefleet run --spec home.yaml --spec away.yaml --data /var/lib/acefleet\n' +
        '  $ ACEFLEET_SPEC=specs ACEFLEET_LISTEN=0.0.0.0:8000 acefleet run',
    )
    .action(async (flags: RunFlags & NotYetFlags) => {
      refuseNotYet(flags)
      const options = { ...lookOptionsOf(context, command, flags), listen: flags.listen }
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
