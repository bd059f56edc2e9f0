import type { Command } from 'commander'
import { printFindings } from '../doctor/finding.ts'
import {
  addLookFlags,
  addServerFlag,
  clientOf,
  type LookFlags,
  lookOptionsOf,
  type OutputFormat,
  outputFlag,
  specFlag,
} from '../flags.ts'
import type { CommandContext } from '../parts.ts'
import { printData } from '../print-data.ts'
import { addLeaseFlags, type LeaseFlags, redisSettingsOf } from '../redis-flags.ts'

interface DoctorFlags extends LookFlags, LeaseFlags {
  readonly server: string
  readonly output: OutputFormat
}

/** `acefleet doctor`. */
export function addDoctor(program: Command, context: CommandContext): void {
  const command = program
    .command('doctor')
    .description(
      'Say what is missing or in the way, and how to mend it. Exits 1 when something fails.',
    )
    .addOption(specFlag())
  addServerFlag(addLeaseFlags(addLookFlags(command)))
    .addOption(outputFlag(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ acefleet doctor --spec specs\n' +
        '  $ acefleet doctor --spec specs --redis redis://redis:6379\n' +
        '  $ acefleet doctor -o json',
    )
    .action(async (flags: DoctorFlags) => {
      const { examine } = await import('../doctor/doctor.ts')
      const findings = await examine({
        cli: context,
        // Redis has a check of its own, which says what is wrong with its flags instead of ending all others.
        options: lookOptionsOf(context, command, { ...flags, redis: '', redisFile: '' }),
        redis: () => redisSettingsOf(command, flags),
        client: clientOf(context, flags),
        nodeVersion: process.version,
      })
      const { output } = flags
      const text =
        output === 'json' || output === 'yaml'
          ? printData({ items: findings }, output)
          : printFindings(findings)
      context.io.out.write(text)
      context.exit(findings.some((each) => each.verdict === 'fail') ? 1 : 0)
    })
}
