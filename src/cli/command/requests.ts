import type { Command } from 'commander'
import { CommandFailed } from '../command-failed.ts'
import { addServerFlag, clientOf, flag } from '../flags.ts'
import type { CommandContext } from '../parts.ts'
import { ENGINES, VPNS } from '../resource.ts'
import type { ServerClient } from '../server-client.ts'

interface RequestFlags {
  readonly server: string
  readonly fleet?: string
}

interface Answer {
  readonly message: string
}

/** `engine/NAME` and `vpn/NAME` say which is meant, should one name be both. */
function splitKind(typed: string): { readonly kind: string | undefined; readonly name: string } {
  const match = /^(engine|vpn)\/(.+)$/.exec(typed)
  return match === null
    ? { kind: undefined, name: typed }
    : { kind: `${match[1]}s`, name: match[2] ?? '' }
}

/** The path of what is to be drained. @throws {CommandFailed} when there is no such thing, or two. */
async function findDrained(client: ServerClient, typed: string): Promise<string> {
  const { kind, name } = splitKind(typed)
  if (kind !== undefined) return `/v1/${kind}/${encodeURIComponent(name)}`
  const [engines, vpns] = await Promise.all([ENGINES.read(client, {}), VPNS.read(client, {})])
  const found = [
    ...(engines.some((engine) => engine.name === name) ? ['engines'] : []),
    ...(vpns.some((vpn) => vpn.name === name) ? ['vpns'] : []),
  ]
  if (found.length === 1) return `/v1/${found[0]}/${encodeURIComponent(name)}`
  if (found.length > 1) {
    throw new CommandFailed(
      `"${name}" is an engine and a VPN node: say engine/${name} or vpn/${name}`,
    )
  }
  const known = [...engines, ...vpns].map((each) => each.name).join(', ')
  throw new CommandFailed(
    `no engine or VPN node is named "${name}"; there are: ${known === '' ? 'none' : known}`,
  )
}

interface RequestCommand {
  readonly name: string
  readonly argument: readonly [string, string]
  readonly description: string
  readonly examples: readonly string[]
  /** Whether `--fleet` tells namesakes apart. */
  readonly takesFleet: boolean
  readonly pathOf: (client: ServerClient, name: string) => Promise<string> | string
}

const COMMANDS: readonly RequestCommand[] = [
  {
    name: 'drain',
    argument: ['<engine|vpn>', 'an engine, or a VPN node with all its engines'],
    description: 'No new streams; then stop when empty. Drained engines are replaced elsewhere.',
    examples: ['drain home.0', 'drain gluetun-a   # back with: acefleet uncordon gluetun-a'],
    takesFleet: true,
    pathOf: async (client, name) => `${await findDrained(client, name)}/drain`,
  },
  {
    name: 'cordon',
    argument: ['<vpn>', 'a VPN node'],
    description: 'Place no new engines on a VPN node. Those there stay.',
    examples: ['cordon gluetun-a'],
    takesFleet: true,
    pathOf: (_, name) => `/v1/vpns/${encodeURIComponent(name)}/cordon`,
  },
  {
    name: 'uncordon',
    argument: ['<vpn>', 'a VPN node'],
    description: 'Take back a cordon or drain of a VPN node.',
    examples: ['uncordon gluetun-a'],
    takesFleet: true,
    pathOf: (_, name) => `/v1/vpns/${encodeURIComponent(name)}/uncordon`,
  },
  {
    name: 'delete',
    argument: ['<fleet>', 'a fleet that no watched spec declares any more'],
    description: 'Drain and remove a fleet with all its engines. Its VPN containers stay.',
    examples: ['delete home'],
    takesFleet: false,
    pathOf: (_, name) => `/v1/fleets/${encodeURIComponent(name)}/delete`,
  },
]

interface ForwardFlags extends RequestFlags {
  readonly to: string
}

function addForward(program: Command, context: CommandContext): void {
  addServerFlag(program.command('forward'))
    .description(
      'Move the one forwarded engine to another VPN node, once. It is drained first, and stays there afterwards.',
    )
    .addOption(flag('--to <vpn>', 'the VPN node').makeOptionMandatory())
    .addOption(flag('--fleet <name>', 'the fleet it belongs to, should there be namesakes'))
    .addHelpText('after', '\nExample:\n  $ acefleet forward --to gluetun-b')
    .action(async ({ to, fleet, ...flags }: ForwardFlags) => {
      const path = `/v1/vpns/${encodeURIComponent(to)}/forward`
      const { message } = await clientOf(context, flags).post<Answer>(path, { fleet })
      context.io.out.write(`${message}\n`)
    })
}

/** `acefleet drain`, `cordon`, `uncordon`, `forward` and `delete`: what a user asks of a running server. */
export function addRequests(program: Command, context: CommandContext): void {
  addForward(program, context)
  for (const request of COMMANDS) {
    const examples = request.examples.map((example) => `  $ acefleet ${example}`).join('\n')
    const command = addServerFlag(program.command(request.name))
      .description(request.description)
      .argument(...request.argument)
      .addHelpText('after', `\nExample${request.examples.length > 1 ? 's' : ''}:\n${examples}`)
      .action(async (name: string, flags: RequestFlags) => {
        const client = clientOf(context, flags)
        const path = await request.pathOf(client, name)
        const { message } = await client.post<Answer>(path, { fleet: flags.fleet })
        context.io.out.write(`${message}\n`)
      })
    if (request.takesFleet) {
      command.addOption(
        flag('--fleet <name>', 'the fleet it belongs to, should there be namesakes'),
      )
    }
  }
}
