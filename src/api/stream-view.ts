import type { Reservation } from '../store/store.ts'
import type { EngineStatus } from '../telemetry/status.ts'
import type { OfFleet } from './catalog.ts'
import { type IsoTime, isoTime } from './iso-time.ts'

/** A session that a gateway holds on an engine. Null is what nobody tells, or not yet. */
export interface StreamView {
  /** Names the session while it stays on this engine. */
  readonly id: string
  /** `infohash:…`, or `id:…` until an engine has told which infohash that is. */
  readonly content: string
  readonly fleet: string
  /** Null where the leader no longer lists it. */
  readonly engine: string | null
  readonly slot: string | null
  readonly containerId: string
  readonly vpn: string | null
  /** Whether its engine is the forwarded one. */
  readonly forwarded: boolean | null
  /** `pending` until the first byte has come. */
  readonly state: 'pending' | 'active'
  /** Who holds it. */
  readonly gateway: string
  /** At that gateway; another one that relays from it is one of them. */
  readonly viewers: number | null
  /** When its first viewer asked; moving to another engine does not change it. */
  readonly startedAt: IsoTime | null
  readonly bitsPerS: number | null
  /** How far back viewers may be without losing anything, ms. */
  readonly bufferedMs: number | null
  /** Left out for viewers that were further behind. */
  readonly skippedBytes: number | null
  /** When bytes last came from the engine, for this session or another one. */
  readonly lastBytesAt: IsoTime | null
  readonly peers: number | null
  readonly downBytesPerS: number | null
  readonly upBytesPerS: number | null
}

function streamView(
  fleet: string,
  session: Reservation,
  engine: EngineStatus | undefined,
): StreamView {
  const { id, content, containerId, state, holder, lastBytesAt, figures, stat } = session
  return {
    ...{ id, content, fleet, containerId, state, gateway: holder },
    engine: engine?.name ?? null,
    slot: engine?.slot ?? null,
    vpn: engine?.vpn ?? null,
    forwarded: engine?.forwarded ?? null,
    viewers: figures?.viewers ?? null,
    startedAt: isoTime(figures?.startedAt),
    bitsPerS: figures?.bitsPerS ?? null,
    bufferedMs: figures?.bufferedMs ?? null,
    skippedBytes: figures?.skippedBytes ?? null,
    lastBytesAt: isoTime(lastBytesAt),
    peers: stat?.peers ?? null,
    downBytesPerS: stat?.downBytesPerS ?? null,
    upBytesPerS: stat?.upBytesPerS ?? null,
  }
}

/** A fleet's sessions, in the order of its engines, then by content. */
export function streamViews(
  fleet: string,
  sessions: readonly Reservation[],
  engines: readonly OfFleet<EngineStatus>[],
): readonly StreamView[] {
  const own = engines.filter((each) => each.fleet === fleet)
  const places = new Map(own.map(({ item }, place) => [item.containerId, { item, place }]))
  const placeOf = ({ containerId }: Reservation) => places.get(containerId)?.place ?? own.length
  return sessions
    .toSorted((a, b) => placeOf(a) - placeOf(b) || (a.content < b.content ? -1 : 1))
    .map((session) => streamView(fleet, session, places.get(session.containerId)?.item))
}
