import type { Command } from 'commander'
import type { PlannedChange, PlanPreview } from '../../api/controller.ts'
import type { PlannedCondition } from '../../telemetry/status.ts'
import {
  addLookFlags,
  type LookFlags,
  lookOptionsOf,
  type OutputFormat,
  outputFlag,
  specFlag,
} from '../flags.ts'
import type { CommandContext } from '../parts.ts'
import { printData } from '../print-data.ts'
import { type Column, printTable } from '../table.ts'
import { loadValidSpecs } from './validate.ts'

/** Scripts tell "there are changes" from "it failed". */
const EXIT_CHANGES = 2

const CHANGE_COLUMNS: readonly Column<PlannedChange>[] = [
  { title: 'ACTION', cell: (change) => change.verb },
  { title: 'TARGET', cell: (change) => change.target },
  { title: 'REASON', cell: (change) => change.reason },
]

const CONDITION_COLUMNS: readonly Column<PlannedCondition>[] = [
  { title: 'CONDITION', cell: (condition) => condition.type },
  { title: 'STATUS', cell: (condition) => condition.status },
  { title: 'REASON', cell: (condition) => condition.reason },
  { title: 'MESSAGE', cell: (condition) => condition.message },
]

function printPreview({ actions, conditions }: PlanPreview): string {
  const count = actions.length === 1 ? '1 change' : `${actions.length} changes`
  return [
    actions.length === 0 ? 'Nothing to do.\n' : printTable(CHANGE_COLUMNS, actions),
    conditions.length === 0 ? '' : `\n${printTable(CONDITION_COLUMNS, conditions)}`,
    actions.length === 0 ? '' : `\n${count} would be made. Nothing was changed.\n`,
  ].join('')
}

/** `acefleet plan`. */
export function addPlan(program: Command, context: CommandContext): void {
  const command = program
    .command('plan')
    .description(
      'Print what would change, and change nothing. Exits 0 nothing, 2 changes, 1 error.',
    )
    .addOption(specFlag().makeOptionMandatory())
  addLookFlags(command)
    .addOption(outputFlag(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      '\nExamples:\n  $ acefleet plan --spec specs\n  $ acefleet plan --spec specs -o json\n' +
        '  $ acefleet plan --spec specs --redis redis://redis:6379',
    )
    .action(async (flags: LookFlags & { output: OutputFormat }) => {
      const options = lookOptionsOf(context, command, flags)
      await loadValidSpecs(options.specPaths)
      const preview = await context.planOnce(options, context.io.signal)
      const { output } = flags
      const text =
        output === 'json' || output === 'yaml' ? printData(preview, output) : printPreview(preview)
      context.io.out.write(text)
      context.exit(preview.actions.length === 0 ? 0 : EXIT_CHANGES)
    })
}
