import { Command, CommanderError } from 'commander'
import { addDescribe } from './command/describe.ts'
import { addDoctor } from './command/doctor.ts'
import { addGet } from './command/get.ts'
import { addPlan } from './command/plan.ts'
import { addRequests } from './command/requests.ts'
import { addRun } from './command/run.ts'
import { addSchema, addValidate } from './command/validate.ts'
import { failureText } from './command-failed.ts'
import { EXIT_INTERRUPTED } from './io.ts'
import type { CliParts, CommandContext } from './parts.ts'

const HELP_END = `
Every flag has a variable: --log-level is also ACEFLEET_LOG_LEVEL. The flag wins.
Exit codes: 0 done, 1 failed or wrongly called, 130 interrupted; plan: 2 when there are changes.

Examples:
  $ acefleet doctor --spec specs               # what is missing, and how to mend it
  $ acefleet run --spec specs                  # keep the fleets of specs/ running
  $ acefleet get engines -w                    # watch them
`

function buildProgram(context: CommandContext): Command {
  const { out, err } = context.io
  const program = new Command('acefleet')
    .description('Keeps fleets of AceStream engines running behind VPN containers.')
    .version(context.version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .addHelpText('after', HELP_END)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'acefleet: ')),
    })
    .showHelpAfterError('Add --help to the command to see how it is called.')
  addRun(program, context)
  addValidate(program, context)
  addSchema(program, context)
  addPlan(program, context)
  addGet(program, context)
  addDescribe(program, context)
  addRequests(program, context)
  addDoctor(program, context)
  return program
}

/** Runs one command line; answers the exit code. Never rejects. */
export async function runCli(argv: readonly string[], parts: CliParts): Promise<number> {
  let exitCode = 0
  const exit = (code: number) => {
    exitCode = code
  }
  try {
    await buildProgram({ ...parts, exit }).parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    if (parts.io.signal.aborted) return EXIT_INTERRUPTED
    parts.io.err.write(`acefleet: ${failureText(error)}\n`)
    return 1
  }
}
