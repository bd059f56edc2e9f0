import type { StreamView } from '../api/stream-view.ts'
import type { EngineView, EventView, FleetView, VpnView } from '../api/view.ts'
import { engineColumns, eventColumns, fleetColumns, vpnColumns } from './columns.ts'
import { CommandFailed } from './command-failed.ts'
import type { Query, ServerClient } from './server-client.ts'
import { streamColumns } from './stream-columns.ts'
import type { Column } from './table.ts'

/** What is asked for: all of a kind, one by name, or those of a fleet. */
export interface Selection {
  readonly name?: string | undefined
  readonly fleet?: string | undefined
  /** Events only: behind this sequence number. */
  readonly after?: number | undefined
}

/** A kind of thing that `get` shows. */
export interface Resource<Item> {
  /** For people: `engines`. */
  readonly plural: string
  readonly columns: (now: number) => readonly Column<Item>[]
  readonly keyOf: (item: Item) => string
  /** Members at any depth that change by themselves with time: a watch prints nothing anew for them. */
  readonly ticks?: readonly string[]
  /** Whether a name names one of them; else it narrows the list. */
  readonly hasNames: boolean
  /** For a history, which only grows: what to ask for after these were read. */
  readonly next?: (items: readonly Item[], selection: Selection) => Selection
  /** @throws {CommandFailed} when the name is not known; the message says what there is. */
  readonly read: (client: ServerClient, selection: Selection) => Promise<readonly Item[]>
}

interface Listed<Item> {
  readonly items: readonly Item[]
}

async function readList<Item>(client: ServerClient, path: string, query: Query) {
  return (await client.get<Listed<Item>>(path, query)).items
}

/** Lists, or reads one by name. */
function readFrom<Item>(path: string, hasFleets: boolean): Resource<Item>['read'] {
  return async (client, { name, fleet }) => {
    const query = hasFleets ? { fleet } : {}
    if (name === undefined) return readList<Item>(client, path, query)
    return [await client.get<Item>(`${path}/${encodeURIComponent(name)}`, query)]
  }
}

export const FLEETS: Resource<FleetView> = {
  plural: 'fleets',
  columns: fleetColumns,
  keyOf: (fleet) => fleet.name,
  ticks: ['leaseMs', 'agoMs'],
  hasNames: true,
  read: readFrom('/v1/fleets', false),
}

export const ENGINES: Resource<EngineView> = {
  plural: 'engines',
  columns: engineColumns,
  keyOf: (engine) => engine.name,
  hasNames: true,
  read: readFrom('/v1/engines', true),
}

export const VPNS: Resource<VpnView> = {
  plural: 'vpns',
  columns: vpnColumns,
  keyOf: (vpn) => `${vpn.fleet}/${vpn.name}`,
  hasNames: true,
  read: readFrom('/v1/vpns', true),
}

export const STREAMS: Resource<StreamView> = {
  plural: 'streams',
  columns: streamColumns,
  // The same content goes on under another id when it moves to another engine.
  keyOf: (stream) => `${stream.fleet}/${stream.content}`,
  ticks: [
    ...['bitsPerS', 'bufferedMs', 'skippedBytes', 'lastBytesAt'],
    ...['peers', 'downBytesPerS', 'upBytesPerS'],
  ],
  hasNames: false,
  read: async (client, { name, fleet }) => {
    // An engine without streams is no error; one that does not exist is.
    if (name !== undefined) await ENGINES.read(client, { name, fleet })
    const streams = await readList<StreamView>(client, '/v1/streams', { fleet })
    return streams.filter((stream) => name === undefined || stream.engine === name)
  },
}

/** Of events the name is their fleet's; that of a deleted fleet still has some. */
export const EVENTS: Resource<EventView> = {
  plural: 'events',
  columns: eventColumns,
  keyOf: (event) => String(event.sequence),
  hasNames: false,
  next: (items, selection) => ({
    ...selection,
    after: items.at(-1)?.sequence ?? selection.after ?? 0,
  }),
  read: async (client, { name, fleet, after }) => {
    const of = name ?? fleet
    const events = await readList<EventView>(client, '/v1/events', {
      fleet: of,
      after,
      limit: 1_000,
    })
    if (events.length === 0 && of !== undefined && after === undefined) {
      await FLEETS.read(client, { name: of })
    }
    return events
  },
}

const KINDS = ['fleets', 'engines', 'vpns', 'streams', 'events'] as const

/** What `get` lists. */
export type Kind = (typeof KINDS)[number]

/** The kind that was typed, in the plural or the singular. @throws {CommandFailed} */
export function kindOf(typed: string): Kind {
  const kind = KINDS.find((each) => each === typed || each === `${typed}s`)
  if (kind !== undefined) return kind
  throw new CommandFailed(`there is no kind "${typed}": give one of ${KINDS.join(', ')}`)
}
