import { randomUUID } from 'node:crypto'
import type { ContainerId } from '../docker/port.ts'
import type { Playback, StartPlayback } from '../engine/playback.ts'
import { PlaybackFailed } from '../engine/playback-failed.ts'
import { startStopwatch } from '../lease/stopwatch.ts'
import type { PlayingSession } from '../store/claim.ts'
import { StoreUnavailable } from '../store/errors.ts'
import type { SessionFigures } from '../store/session-figures.ts'
import { RESERVATION_TTL_MS, type Store } from '../store/store.ts'
import { type Content, contentKey } from '../streams/content.ts'
import { keepTenancy, type Tenancy } from '../streams/tenancy.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import type { GatewayNews } from './news.ts'
import { StreamRefused } from './refusal.ts'
import type { Source } from './source.ts'

export interface EngineSourceParts {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly startPlayback: StartPlayback
  /** This gateway. */
  readonly holder: string
  /** Where other gateways reach it; empty when nowhere. */
  readonly relay: () => string
  readonly startTimeoutMs: number
  readonly news: Pick<GatewayNews, 'onClaim' | 'onStartFailed'>
  /** Of the session that looks for a source. */
  readonly figures: () => SessionFigures
}

export interface EngineSourceCall {
  readonly fleet: string
  readonly content: Content
  readonly parameters: readonly (readonly [string, string])[]
  readonly avoid: readonly ContainerId[]
  /** The session's own reservation, which goes on meanwhile. */
  readonly instead: string
  /** Whether only a session that another gateway has will do. */
  readonly elsewhere: boolean
  /** Told before the engine is asked for bytes: from now on others are sent here. */
  readonly onClaim: (reservationId: string) => void
  readonly signal: AbortSignal
}

/** What came of asking a fleet for an engine. */
export type EngineSourceAnswer =
  | { readonly kind: 'source'; readonly source: Source }
  /** Another session plays it. */
  | { readonly kind: 'playing'; readonly by: PlayingSession }
  /** The engine that was claimed could not play it. */
  | { readonly kind: 'failed'; readonly engine: ContainerId; readonly error: PlaybackFailed }
  | { readonly kind: 'refused'; readonly refusal: StreamRefused }

/** Places become free when viewers leave; nobody knows when, s. */
const CAPACITY_RETRY_S = 10
const STORE_RETRY_S = 5

type Claimed =
  | { readonly kind: 'place'; readonly place: Tenancy; readonly id: string }
  | Exclude<EngineSourceAnswer, { readonly kind: 'source' | 'failed' }>

interface Room {
  readonly engines: number
  readonly ready: number
  /** Places, on engines that were to be avoided. */
  readonly free: number
}

function refusedFor({ engines, ready, free }: Room): 'starting' | 'vpn' | 'capacity' {
  if (engines === 0) return 'starting'
  if (ready === 0) return 'vpn'
  return free > 0 ? 'starting' : 'capacity'
}

function refused(reason: ReturnType<typeof refusedFor>, room: Room, fleet: string) {
  const { engines, ready, free } = room
  const messages = {
    starting:
      free > 0
        ? `the engines of ${fleet} that have room have just failed`
        : `${fleet} has no engine yet`,
    vpn: `none of ${fleet}'s ${engines} engines is ready: they start, or their VPN is down`,
    capacity: `all places on ${fleet}'s ${ready} ready engines are taken`,
  }
  return new StreamRefused(reason, messages[reason], CAPACITY_RETRY_S, fleet)
}

async function claim(parts: EngineSourceParts, call: EngineSourceCall): Promise<Claimed> {
  const { store, clock, log, holder, news, figures } = parts
  const relay = parts.relay()
  const { fleet, content, instead } = call
  try {
    const avoid = call.elsewhere
      ? (await store.endpoints(fleet)).map(({ containerId }) => containerId)
      : call.avoid
    const wanted = { id: randomUUID(), content: contentKey(content), holder, relay, avoid, instead }
    const asked = startStopwatch(clock)
    const nowMs = clock.now()
    const answer = await store.claim(
      fleet,
      { ...wanted, expiresAt: nowMs + RESERVATION_TTL_MS },
      nowMs,
    )
    if (answer.kind !== 'refused') news.onClaim(fleet, answer.kind)
    switch (answer.kind) {
      case 'claimed': {
        const { endpoint, load } = answer
        const on = { fleet, slot: endpoint.slot, vpn: endpoint.vpn, content: wanted.content }
        log.info({ ...on, ...load, session: wanted.id }, 'claimed an engine for a stream')
        call.onClaim(wanted.id)
        const place = keepTenancy(
          { store, clock, log, fleet, figures },
          { ...wanted, endpoint },
          asked,
        )
        return { kind: 'place', place, id: wanted.id }
      }
      case 'playing': {
        const { kind, ...by } = answer
        return { kind, by }
      }
      case 'unsettled': {
        const message = 'the store has restarted, and streams that run are counted first'
        const retryS = Math.ceil(answer.retryAfterMs / 1_000)
        return { kind: 'refused', refusal: new StreamRefused('store', message, retryS, fleet) }
      }
      case 'refused': {
        const reason = refusedFor(answer)
        news.onClaim(fleet, reason)
        return { kind: 'refused', refusal: refused(reason, answer, fleet) }
      }
    }
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    news.onClaim(fleet, 'failed')
    return {
      kind: 'refused',
      refusal: new StreamRefused('store', error.message, STORE_RETRY_S, fleet),
    }
  }
}

/**
 * Leaves the engine. `isOthers`: another session may play the same content there now, and builds are known that end that
 * one with ours (measured, 3.2.11); what nobody reads engines end by themselves.
 */
async function endPlayback(playback: Playback, isOthers: boolean): Promise<void> {
  playback.body.destroy()
  if (!isOthers) await playback.stop()
}

function makeSource(fleet: string, place: Tenancy, playback: Playback, id: string): Source {
  const { endpoint } = place
  return {
    name: endpoint.slot,
    fleet,
    endpoint,
    reservationId: id,
    body: playback.body,
    infohash: playback.infohash,
    lost: place.lost,
    mayRead: () => place.mayRead(),
    assertHeld: () => place.assertHeld(),
    noteBytes: () => place.noteBytes(),
    noteStat: (stat) => place.noteStat(stat),
    stat: (signal) => playback.stat(signal),
    async [Symbol.asyncDispose]() {
      await endPlayback(playback, place.lost.aborted)
      // Last: while the engine has the session its place is taken.
      await place[Symbol.asyncDispose]()
    },
  }
}

/** Claims an engine of a fleet and begins a session on it. Rejects only with what is a mistake of ours. */
export async function openEngineSource(
  parts: EngineSourceParts,
  call: EngineSourceCall,
): Promise<EngineSourceAnswer> {
  const claimed = await claim(parts, call)
  if (claimed.kind !== 'place') return claimed
  await using resources = new AsyncDisposableStack()
  const place = resources.use(claimed.place)
  const { containerId, host, port } = place.endpoint
  const { content, parameters } = call
  try {
    // This process may have stood still since the claim was sent.
    await place.assertHeld()
    const playback = await parts.startPlayback({
      ...{ host, port, playerId: claimed.id, startTimeoutMs: parts.startTimeoutMs },
      query: [[content.kind, content.hash], ...parameters],
      signal: AbortSignal.any([call.signal, place.lost]),
    })
    let isOthers = false
    const source = resources.adopt(makeSource(call.fleet, place, playback, claimed.id), () =>
      endPlayback(playback, isOthers || place.lost.aborted),
    )
    if (playback.infohash !== undefined) {
      const key = contentKey({ kind: 'infohash', hash: playback.infohash })
      // Without an answer nobody can claim it by that name either.
      const answer = await place.identify(key).catch(() => undefined)
      if (answer?.kind === 'playing') {
        isOthers = answer.containerId === containerId
        call.onClaim('')
        return { kind: 'playing', by: answer }
      }
    }
    await place.activate()
    resources.move()
    return { kind: 'source', source }
  } catch (error) {
    const failure =
      error instanceof PlaybackFailed
        ? error
        : new PlaybackFailed('engine', error instanceof Error ? error.message : String(error))
    // Should its release be lost, the session must not take it for another one's.
    call.onClaim('')
    if (failure.fault !== 'aborted') parts.news.onStartFailed(call.fleet)
    return { kind: 'failed', engine: containerId, error: failure }
  }
}
