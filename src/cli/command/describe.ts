import type { Command } from 'commander'
import type { EngineDetail, EventView, FleetDetail, VpnDetail } from '../../api/view.ts'
import { CommandFailed } from '../command-failed.ts'
import { describeEngine, describeFleet, describeVpn } from '../describe-text.ts'
import { addServerFlag, clientOf, flag } from '../flags.ts'
import type { CommandContext } from '../parts.ts'
import { EVENTS } from '../resource.ts'
import type { ServerClient } from '../server-client.ts'

/** Events below a description: the latest that fit a screen beside the rest. */
const SHOWN_EVENTS = 15

interface DescribeFlags {
  readonly server: string
  readonly fleet?: string
}

async function latestEvents(
  client: ServerClient,
  fleet: string,
  concerns: (event: EventView) => boolean,
): Promise<readonly EventView[]> {
  const events = await EVENTS.read(client, { fleet })
  return events.filter(concerns).slice(-SHOWN_EVENTS)
}

async function describe(
  client: ServerClient,
  kind: string,
  name: string,
  flags: DescribeFlags,
  now: number,
): Promise<string> {
  const path = encodeURIComponent(name)
  const { fleet: of } = flags
  switch (kind.replace(/s$/, '')) {
    case 'fleet': {
      const fleet = await client.get<FleetDetail>(`/v1/fleets/${path}`)
      return describeFleet(fleet, await latestEvents(client, name, () => true), now)
    }
    case 'engine': {
      const engine = await client.get<EngineDetail>(`/v1/engines/${path}`, { fleet: of })
      const isOfSlot = (event: EventView) => event.slot === engine.slot
      return describeEngine(engine, await latestEvents(client, engine.fleet, isOfSlot), now)
    }
    case 'vpn': {
      const vpn = await client.get<VpnDetail>(`/v1/vpns/${path}`, { fleet: of })
      const isOfNode = (event: EventView) => event.vpn === name
      return describeVpn(vpn, await latestEvents(client, vpn.fleet, isOfNode), now)
    }
    default:
      throw new CommandFailed(`there is no kind "${kind}" to describe: give fleet, engine or vpn`)
  }
}

/** `acefleet describe`. */
export function addDescribe(program: Command, context: CommandContext): void {
  const command = program
    .command('describe')
    .description(
      'Print all that is known of one fleet, engine or VPN node, latest events included.',
    )
    .argument('<kind>', 'fleet, engine or vpn')
    .argument('<name>', 'its name')
  addServerFlag(command)
    .addOption(flag('--fleet <name>', 'the fleet it belongs to, should there be namesakes'))
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ acefleet describe fleet home\n' +
        '  $ acefleet describe engine home.0\n' +
        '  $ acefleet describe vpn gluetun-a',
    )
    .action(async (kind: string, name: string, flags: DescribeFlags) => {
      const client = clientOf(context, flags)
      context.io.out.write(await describe(client, kind, name, flags, context.clock.now()))
    })
}
