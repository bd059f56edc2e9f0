import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Wanted } from '../streams/content.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import { StreamRefused } from './refusal.ts'
import type { Seat, Sessions } from './sessions.ts'
import type { GatewaySettings } from './settings.ts'
import { answerRefusal, beginStream, goneSignal, MPEG_TS } from './stream-response.ts'
import { Viewer, type ViewerEnd } from './viewer.ts'

/** What became of one viewer, for metrics and logs. */
export interface ViewerNews {
  readonly content: string
  readonly end: ViewerEnd | 'refused'
  /** From its request to its first byte, ms; undefined when there was none. */
  readonly firstByteMs: number | undefined
  readonly skippedBytes: number
}

export interface ViewersParts {
  readonly sessions: Sessions
  readonly settings: GatewaySettings
  readonly clock: Clock
  readonly log: Logger
  readonly onViewer: (news: ViewerNews) => void
}

/** Everyone who watches over this gateway. */
export interface Viewers {
  /** Serves the content's bytes until the viewer leaves or they end. Never rejects. */
  serve(req: IncomingMessage, res: ServerResponse, wanted: Wanted, content: string): Promise<void>
  /** Serves another gateway with a session of this one, by its reservation. Never rejects. */
  relay(req: IncomingMessage, res: ServerResponse, reservationId: string): Promise<void>
  /** Looks once a second for viewers that take nothing any more. */
  follow(signal: AbortSignal): Promise<void>
  readonly count: number
}

const LOOK_MS = 1_000

export function makeViewers(parts: ViewersParts): Viewers {
  const { sessions, settings, clock, log, onViewer } = parts
  const watching = new Set<Viewer>()

  type Join = (pump: () => void, signal: AbortSignal) => Promise<Seat>

  async function watch(
    res: ServerResponse,
    join: Join,
    signal: AbortSignal,
    onFirst: () => void,
  ): Promise<{ readonly end: ViewerEnd; readonly skippedBytes: number }> {
    let viewer: Viewer | undefined
    using seat = await join(() => viewer?.pump(), signal)
    signal.throwIfAborted()
    // What is no transport stream is what the engine says it is; nobody told what, so players look for themselves.
    const { content } = seat.session.feed
    beginStream(res, content.kind === 'other' ? 'application/octet-stream' : MPEG_TS)
    const { feed } = seat.session
    viewer = new Viewer(res, { feed, cursor: seat.cursor }, settings, clock)
    watching.add(viewer)
    try {
      viewer.pump()
      onFirst()
      const end = await viewer.ended
      return { end, skippedBytes: viewer.skippedBytes }
    } finally {
      watching.delete(viewer)
    }
  }

  async function serve(
    req: IncomingMessage,
    res: ServerResponse,
    join: Join,
    content: string,
  ): Promise<void> {
    const begunAt = clock.monotonic()
    let firstByteMs: number | undefined
    const signal = goneSignal(req, res)
    const onFirst = () => {
      firstByteMs = clock.monotonic() - begunAt
    }
    try {
      const { end, skippedBytes } = await watch(res, join, signal, onFirst)
      onViewer({ content, end, firstByteMs, skippedBytes })
    } catch (error) {
      if (signal.aborted) return onViewer({ content, end: 'left', firstByteMs, skippedBytes: 0 })
      const refusal = error instanceof StreamRefused ? error : undefined
      if (refusal === undefined) log.error({ err: error, content }, 'a viewer could not be served')
      answerRefusal(
        res,
        refusal ?? new StreamRefused('engine', 'an unexpected error, see the log of the gateway'),
      )
      onViewer({ content, end: 'refused', firstByteMs: undefined, skippedBytes: 0 })
    }
  }

  return {
    serve: (req, res, wanted, content) =>
      serve(req, res, (pump, signal) => sessions.join(wanted, pump, signal), content),
    relay: (req, res, id) =>
      serve(
        req,
        res,
        async (pump, signal) => {
          const seat = await sessions.joinReservation(id, pump, signal)
          if (seat === undefined) throw new StreamRefused('starting', 'it is not played here', 1)
          return seat
        },
        `relay ${id}`,
      ),
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
