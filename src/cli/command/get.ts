import type { Command } from 'commander'
import { assertNever } from '../../assert-never.ts'
import { addServerFlag, clientOf, flag, type OutputFormat, outputFlag } from '../flags.ts'
import { EXIT_INTERRUPTED } from '../io.ts'
import type { CommandContext } from '../parts.ts'
import { printData } from '../print-data.ts'
import {
  ENGINES,
  EVENTS,
  FLEETS,
  kindOf,
  type Resource,
  type Selection,
  STREAMS,
  VPNS,
} from '../resource.ts'
import type { ServerClient } from '../server-client.ts'
import { cellsOf, fitWidths, printRow, printTable, shownColumns } from '../table.ts'
import { watch } from '../watch.ts'

interface GetFlags {
  readonly server: string
  readonly output: OutputFormat
  readonly watch?: boolean
  readonly fleet?: string
}

interface Wanted {
  readonly client: ServerClient
  readonly selection: Selection
  readonly format: OutputFormat
}

/** Prints once. */
async function show<Item>(context: CommandContext, resource: Resource<Item>, wanted: Wanted) {
  const { io, clock } = context
  const { selection, format } = wanted
  const items = await resource.read(wanted.client, selection)
  if (format === 'json' || format === 'yaml') {
    const isOne = selection.name !== undefined && items.length === 1 && resource.hasNames
    io.out.write(printData(isOne ? items[0] : { items }, format))
    return
  }
  if (items.length === 0) {
    io.err.write(`There are no ${resource.plural}.\n`)
    return
  }
  io.out.write(printTable(shownColumns(resource.columns(clock.now()), format === 'wide'), items))
}

/** Prints rows as they change, below titles that are printed once. */
function makeRows<Item>(context: CommandContext, resource: Resource<Item>, isWide: boolean) {
  const { io, clock } = context
  let widths: readonly number[] | undefined
  const columnsNow = () => shownColumns(resource.columns(clock.now()), isWide)
  const print = (cells: readonly string[]) =>
    io.out.write(`${printRow(columnsNow(), cells, widths ?? [])}\n`)
  return {
    face: (item: Item) =>
      cellsOf(
        columnsNow().filter((column) => !column.ticks),
        item,
      ).join('\t'),
    show: (items: readonly Item[]) => {
      const columns = columnsNow()
      const rows = items.map((item) => cellsOf(columns, item))
      const titles = columns.map((column) => column.title)
      const isFirst = widths === undefined
      widths = fitWidths(titles, rows, widths)
      if (isFirst) print(titles)
      for (const row of rows) print(row)
    },
    gone: (item: Item) => {
      const [name = ''] = cellsOf(columnsNow(), item)
      io.out.write(`${name} is gone\n`)
    },
  }
}

/** One document per change, for programs. */
function makeDocuments<Item>(
  context: CommandContext,
  format: 'json' | 'yaml',
  { keyOf, ticks = [] }: Pick<Resource<Item>, 'keyOf' | 'ticks'>,
) {
  const { out } = context.io
  const withoutTicks = (key: string, value: unknown) => (ticks.includes(key) ? undefined : value)
  const print = (value: unknown) =>
    out.write(format === 'json' ? `${JSON.stringify(value)}\n` : `---\n${printData(value, 'yaml')}`)
  return {
    face: (item: Item) => JSON.stringify(item, withoutTicks),
    show: (items: readonly Item[]) => items.forEach(print),
    gone: (item: Item) => print({ name: keyOf(item), gone: true }),
  }
}

async function follow<Item>(context: CommandContext, resource: Resource<Item>, wanted: Wanted) {
  const { client, format } = wanted
  let { selection } = wanted
  const read = async () => {
    const items = await resource.read(client, selection)
    selection = resource.next?.(items, selection) ?? selection
    return items
  }
  const screen =
    format === 'json' || format === 'yaml'
      ? makeDocuments(context, format, resource)
      : makeRows(context, resource, format === 'wide')
  await watch({
    io: context.io,
    clock: context.clock,
    read,
    keyOf: resource.keyOf,
    faceOf: screen.face,
    show: screen.show,
    showGone: resource.next !== undefined ? () => {} : screen.gone,
  })
  context.exit(EXIT_INTERRUPTED)
}

/** Binds a kind to what is done with it, so that its item type stays together. */
function act(context: CommandContext, kind: string, wanted: Wanted, isWatch: boolean) {
  const run = <Item>(resource: Resource<Item>) =>
    isWatch ? follow(context, resource, wanted) : show(context, resource, wanted)
  const typed = kindOf(kind)
  switch (typed) {
    case 'fleets':
      return run(FLEETS)
    case 'engines':
      return run(ENGINES)
    case 'vpns':
      return run(VPNS)
    case 'streams':
      return run(STREAMS)
    case 'events':
      return run(EVENTS)
    default:
      return assertNever(typed)
  }
}

/** `acefleet get`. */
export function addGet(program: Command, context: CommandContext): void {
  const command = program
    .command('get')
    .description('List fleets, engines, VPN nodes, streams or events of a running server.')
    .argument('<kind>', 'fleets, engines, vpns, streams or events')
    .argument('[name]', 'only this one; of streams: of this engine, of events: of this fleet')
  addServerFlag(command)
    .addOption(outputFlag(['table', 'wide', 'json', 'yaml']))
    .addOption(flag('-w, --watch', 'go on, and print what changes'))
    .addOption(flag('--fleet <name>', 'only what belongs to this fleet'))
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ acefleet get fleets\n' +
        '  $ acefleet get engines -o wide\n' +
        '  $ acefleet get engine home.0 -o json\n' +
        '  $ acefleet get events home -w',
    )
    .action(async (kind: string, name: string | undefined, flags: GetFlags) => {
      const selection = { name, fleet: flags.fleet }
      const wanted = { client: clientOf(context, flags), selection, format: flags.output }
      await act(context, kind, wanted, flags.watch === true)
    })
}
