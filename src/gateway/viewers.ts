import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Wanted } from '../streams/content.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import type { GatewayNews } from './news.ts'
import { StreamRefused } from './refusal.ts'
import type { Session } from './session.ts'
import { type Seat, type Sessions, stopping } from './sessions.ts'
import type { GatewaySettings } from './settings.ts'
import { answerRefusal, beginStream, goneSignal, MPEG_TS } from './stream-response.ts'
import type { Traffic } from './traffic.ts'
import { Viewer, type ViewerEnd } from './viewer.ts'

export interface ViewersParts {
  readonly sessions: Sessions
  readonly settings: GatewaySettings
  readonly clock: Clock
  readonly log: Logger
  readonly traffic: Pick<Traffic, 'count'>
  readonly onViewer: GatewayNews['onViewer']
}

/** Everyone who watches over this gateway. */
export interface Viewers {
  /** Serves the content's bytes until the viewer leaves or they end. Never rejects. */
  serve(req: IncomingMessage, res: ServerResponse, wanted: Wanted, content: string): Promise<void>
  /** Serves another gateway with a session of this one, by its reservation. Never rejects. */
  relay(req: IncomingMessage, res: ServerResponse, reservationId: string): Promise<void>
  /** Gives what other gateways read from here over to them, and ends their reading. */
  handOver(): void
  /** Looks once a second for viewers that take nothing any more. */
  follow(signal: AbortSignal): Promise<void>
  readonly count: number
}

const LOOK_MS = 1_000

/** Somebody wants a stream. */
interface Ask {
  readonly join: (pump: () => void, signal: AbortSignal) => Promise<Seat>
  /** For people. */
  readonly content: string
  /** Whether it is another gateway, to relay it. */
  readonly isGateway: boolean
}

export function makeViewers(parts: ViewersParts): Viewers {
  const { sessions, settings, clock, log, traffic, onViewer } = parts
  const watching = new Set<Viewer>()
  /** Sessions that other gateways read, by those who read. */
  const relayed = new Map<Viewer, Session>()

  async function watch(
    res: ServerResponse,
    { join, isGateway }: Ask,
    signal: AbortSignal,
    onFirst: () => void,
  ): Promise<{ readonly end: ViewerEnd; readonly skippedBytes: number }> {
    let viewer: Viewer | undefined
    using seat = await join(() => viewer?.pump(), signal)
    signal.throwIfAborted()
    if (isGateway && sessions.isStopping) throw stopping()
    // What is no transport stream is what the engine says it is; nobody told what, so players look for themselves.
    const { content } = seat.session.feed
    beginStream(res, content.kind === 'other' ? 'application/octet-stream' : MPEG_TS)
    const { session } = seat
    const way = isGateway ? 'toGateways' : 'toViewers'
    viewer = new Viewer(res, { feed: session.feed, cursor: seat.cursor }, settings, clock, {
      onWrite: (bytes) => traffic.count(way, bytes),
      onSkip: (bytes) => session.noteSkipped(bytes),
    })
    watching.add(viewer)
    if (isGateway) relayed.set(viewer, seat.session)
    try {
      viewer.pump()
      onFirst()
      const end = await viewer.ended
      return { end, skippedBytes: viewer.skippedBytes }
    } finally {
      watching.delete(viewer)
      relayed.delete(viewer)
    }
  }

  async function serve(req: IncomingMessage, res: ServerResponse, ask: Ask): Promise<void> {
    const { content, isGateway } = ask
    const begunAt = clock.monotonic()
    let firstByteMs: number | undefined
    const signal = goneSignal(req, res)
    const onFirst = () => {
      firstByteMs = clock.monotonic() - begunAt
    }
    const tell = (end: ViewerEnd, skippedBytes: number) =>
      onViewer({ content, isGateway, end, refusal: undefined, firstByteMs, skippedBytes })
    try {
      const { end, skippedBytes } = await watch(res, ask, signal, onFirst)
      tell(end, skippedBytes)
    } catch (error) {
      if (signal.aborted) return tell('left', 0)
      const known = error instanceof StreamRefused ? error : undefined
      if (known === undefined) log.error({ err: error, content }, 'a viewer could not be served')
      const refusal =
        known ?? new StreamRefused('engine', 'an unexpected error, see the log of the gateway')
      answerRefusal(res, refusal)
      const { reason } = refusal
      const none = { firstByteMs: undefined, skippedBytes: 0 }
      onViewer({ content, isGateway, end: 'refused', refusal: reason, ...none })
    }
  }

  return {
    serve: (req, res, wanted, content) => {
      const join: Ask['join'] = (pump, signal) => sessions.join(wanted, pump, signal)
      return serve(req, res, { join, content, isGateway: false })
    },
    relay: (req, res, id) => {
      const join: Ask['join'] = async (pump, signal) => {
        const seat = await sessions.joinReservation(id, pump, signal)
        if (seat === undefined) throw new StreamRefused('starting', 'it is not played here', 1)
        return seat
      }
      return serve(req, res, { join, content: `relay ${id}`, isGateway: true })
    },
    handOver() {
      for (const session of new Set(relayed.values())) session.handOver()
      for (const viewer of relayed.keys()) viewer.end()
    },
    async follow(signal) {
      while (!signal.aborted) {
        for (const viewer of watching) viewer.look()
        await clock.sleep(LOOK_MS, signal).catch(() => {})
      }
    },
    get count() {
      return watching.size
    },
  }
}
