import type { IncomingMessage, ServerResponse } from 'node:http'
import { contentKey, type Wanted } from '../../streams/content.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Clock } from '../../time/clock.ts'
import { contentOfPath, contentPath } from '../engine-protocol.ts'
import type { GatewayNews } from '../news.ts'
import { StreamRefused } from '../refusal.ts'
import type { Session } from '../session.ts'
import { type Sessions, stopping } from '../sessions.ts'
import type { GatewaySettings } from '../settings.ts'
import { answerRefusal, answerText, beginStream, goneSignal } from '../stream-response.ts'
import type { Traffic } from '../traffic.ts'
import { type Attendance, makeAudience } from './audience.ts'
import { listedSegments, playlistText } from './playlist.ts'
import { sendSegment } from './segment-response.ts'
import type { Segment } from './segmenter.ts'

export interface HlsParts {
  readonly sessions: Sessions
  readonly settings: GatewaySettings
  readonly clock: Clock
  readonly log: Logger
  readonly traffic: Pick<Traffic, 'count'>
  readonly onViewer: GatewayNews['onViewer']
}

/** Streams for players that fetch lists and segments. They share sessions with all other viewers. */
export interface Hls {
  /** Answers with the list of the content's newest segments, once there is one. Never rejects. */
  playlist(req: IncomingMessage, res: ServerResponse, wanted: Wanted): Promise<void>
  /** Answers for `/ace/c/…`. Never rejects. */
  segment(req: IncomingMessage, res: ServerResponse, path: string): Promise<void>
  /** Looks once a second for viewers who have not asked for too long. */
  follow(signal: AbortSignal): Promise<void>
}

const PLAYLIST = 'application/vnd.apple.mpegurl'
const LONGEST_NAME = 300
const LOOK_MS = 1_000
const NO_HLS =
  'HLS is made of MPEG transport streams, and this content is none: /ace/getstream has it as it is'
/** How often a list that is waited for is looked for, ms. */
const POLL_MS = 100
/** A player that has one segment only waits at its end: it gets a second one if that comes soon after the stream, ms. */
const SECOND_MS = 8_000
/** Three times the longest segment: by then it is no stream to be cut. */
const FIRST_MS = 30_000
/**
 * A session's first number is its beginning, in quarters of a second: it has fewer segments than
 * those, though engines send half a minute at once, so that a later session of the content does not count backwards.
 * Since 2025, so that 31 bits do until 2042.
 */
const MS_PER_NUMBER = 250
const NUMBERED_FROM = Date.UTC(2025)

export function makeHls(parts: HlsParts): Hls {
  const { sessions, settings, clock, log, traffic, onViewer } = parts
  const ofOurs = { isGateway: false, skippedBytes: 0 }
  const audience = makeAudience({
    ...{ sessions, clock, buffers: { streams: settings.buffer, hls: settings.hlsBuffer } },
    onLeave: (content, firstByteMs) =>
      onViewer({ ...ofOurs, content, end: 'left', refusal: undefined, firstByteMs }),
  })

  function listOf({ feed }: Session): Segment[] {
    const { end, arrivedAt } = feed.buffer
    const kept = { end, arrivedAt, limits: settings.hlsBuffer }
    return listedSegments(feed.segments, kept, clock.monotonic())
  }

  /** @throws {StreamRefused} */
  async function segmentsOf(
    { session, isServed }: Attendance,
    signal: AbortSignal,
  ): Promise<Segment[]> {
    const begunAt = clock.monotonic()
    for (;;) {
      if (session.feed.content.kind === 'other') throw new StreamRefused('format', NO_HLS)
      const listed = listOf(session)
      const waitedMs = clock.monotonic() - begunAt
      const least = isServed || waitedMs >= SECOND_MS ? 1 : 2
      if (listed.length >= least) return listed
      if (session.isOver)
        throw session.failure ?? new StreamRefused('starting', 'the stream has ended', 1)
      if (waitedMs >= FIRST_MS)
        throw new StreamRefused('starting', 'the stream runs, but has no segment yet', 2)
      await clock.sleep(POLL_MS, signal)
    }
  }

  /** Of what could not be foreseen the log tells. */
  function refuse(res: ServerResponse, error: unknown, content: string): void {
    const isForeseen = error instanceof StreamRefused
    if (!isForeseen) log.error({ err: error, content }, 'a list could not be served')
    const refusal = isForeseen
      ? error
      : new StreamRefused('engine', 'an unexpected error, see the log of the gateway')
    answerRefusal(res, refusal)
    const { reason } = refusal
    onViewer({ ...ofOurs, content, end: 'refused', refusal: reason, firstByteMs: undefined })
  }

  const startOf = (session: Session) =>
    sessions.list().find((each) => each.session === session)?.startedAt ?? 0
  /** Tells sessions apart: what an earlier one, or another gateway's, had at this number is not here. */
  const tagOf = (session: Session) => startOf(session).toString(36)

  function textOf(session: Session, listed: readonly Segment[], folder: string): string {
    const first = Math.floor((startOf(session) - NUMBERED_FROM) / MS_PER_NUMBER)
    const { targetS = 0 } = session.feed.segments
    return playlistText(
      listed,
      targetS,
      first,
      ({ index }) => `${folder}/${tagOf(session)}-${index}.ts`,
    )
  }

  return {
    async playlist(req, res, wanted) {
      // A probe wants to know whether it may come, and not to take an engine for it.
      if (req.method === 'HEAD') {
        if (sessions.isStopping) answerRefusal(res, stopping())
        else beginStream(res, PLAYLIST).end()
        return
      }
      const content = contentKey(wanted.content)
      const client = clientOf(req)
      const signal = goneSignal(req, res)
      try {
        const place = await audience.attend(client, wanted, signal)
        const { session } = place
        const listed = await segmentsOf(place, signal)
        const folder = `${upToAce(req)}c/${contentPath(wanted.content)}`
        answerText(res, 200, textOf(session, listed, folder), { 'Content-Type': PLAYLIST })
        place.noteServed()
      } catch (error) {
        // Who comes again soon is the same viewer: its seat lapses by itself.
        if (signal.aborted) return
        audience.dismiss(client, content)
        refuse(res, error, content)
      }
    },
    async segment(req, res, path) {
      const at = path.lastIndexOf('/')
      const content = contentOfPath(path.slice(0, at))
      const [, tag, index] = /^([0-9a-z]+)-(\d+)\.ts$/.exec(path.slice(at + 1)) ?? []
      const key = content && contentKey(content)
      const session = key === undefined ? undefined : sessions.find(key)
      if (key !== undefined) audience.touch(clientOf(req), key)
      const segment =
        session === undefined || tagOf(session) !== tag
          ? undefined
          : session.feed.segments.segments.find((each) => each.index === Number(index))
      if (session === undefined || segment === undefined)
        return answerText(res, 404, 'there is no such segment: it is gone, or has not come yet')
      await sendSegment(res, session.feed, segment, {
        ...{ clock, stalledMs: settings.stalledMs },
        onWrite: (bytes) => traffic.count('toViewers', bytes),
      })
    },
    async follow(signal) {
      while (!signal.aborted) {
        audience.look()
        await clock.sleep(LOOK_MS, signal).catch(() => {})
      }
    },
  }
}

/** Who asks, as far as can be told without asking a player to carry something: two alike at one address count as one. */
function clientOf({ headers, socket }: IncomingMessage): string {
  const forwardedFor = String(headers['x-forwarded-for'] ?? '').split(',')[0]
  return `${socket.remoteAddress} ${forwardedFor} ${headers['user-agent']}`.slice(0, LONGEST_NAME)
}

/** Segments are named relative to their list, so that whatever host, scheme and prefix led to one leads to the other. */
function upToAce({ url = '' }: IncomingMessage): string {
  const { pathname } = new URL(url, 'http://gateway')
  return '../'.repeat(pathname.slice('/ace/'.length).split('/').length - 1)
}
