import type { Command } from 'commander'
import type { LoadedFleet, LoadedSpecs } from '../../spec/load.ts'
import { formatProblems } from '../../spec/problem.ts'
import { CommandFailed } from '../command-failed.ts'
import type { CommandContext } from '../parts.ts'

function describeFleet({ fleet, source, line }: LoadedFleet): string {
  const nodes = fleet.vpn.nodes.map((node) => node.name).join(', ')
  const vpn = fleet.vpn.mode === 'none' ? 'no VPN' : `VPN ${fleet.vpn.mode} over ${nodes}`
  return `${source}:${line}: fleet "${fleet.name}" is valid: ${fleet.replicas} engines, ${vpn}\n`
}

/** Loads the schema only when it is needed: half of this program's start is the loading of libraries. */
async function loadSpecs(paths: readonly string[]): Promise<LoadedSpecs> {
  const spec = await import('../../spec/load.ts')
  return spec.loadSpecs(paths)
}

/** The fleets of the specs. @throws {CommandFailed} with all problems, when there is one. */
export async function loadValidSpecs(paths: readonly string[]): Promise<readonly LoadedFleet[]> {
  const { fleets, problems } = await loadSpecs(paths)
  if (problems.length === 0) return fleets
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  throw new CommandFailed(`${count} in the specs:\n${formatProblems(problems)}`)
}

/** `acefleet validate`. */
export function addValidate(program: Command, { io, exit }: CommandContext): void {
  program
    .command('validate')
    .description('Check specs; all errors at once, each with file, line and column.')
    .argument('<path...>', 'spec files or folders')
    .addHelpText(
      'after',
      '\nExamples:\n  $ acefleet validate specs\n  $ acefleet validate home.yaml',
    )
    .action(async (paths: readonly string[]) => {
      const { fleets, problems } = await loadSpecs(paths)
      io.out.write(fleets.map(describeFleet).join(''))
      if (problems.length === 0) return
      io.err.write(`${formatProblems(problems)}\n`)
      exit(1)
    })
}

/** `acefleet schema`. */
export function addSchema(program: Command, { io }: CommandContext): void {
  program
    .command('schema')
    .description('Print the JSON Schema of a spec, for editors.')
    .addHelpText('after', '\nExample:\n  $ acefleet schema > specs/engine-fleet.schema.json')
    .action(async () => {
      const { printJsonSchema } = await import('../../spec/json-schema.ts')
      io.out.write(printJsonSchema())
    })
}
