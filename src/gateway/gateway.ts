import type { IncomingMessage, ServerResponse } from 'node:http'
import type { StartPlayback } from '../engine/playback.ts'
import type { Store } from '../store/store.ts'
import { ContentInvalid, contentKey, readContent, type Wanted } from '../streams/content.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import { drainViewers } from './drain.ts'
import { contentOfPath, makeEngineProtocol } from './engine-protocol.ts'
import { openEngineSource } from './engine-source.ts'
import { makeEngineWatch } from './engine-watch.ts'
import { makeFindSource } from './find-source.ts'
import { makeHls } from './hls/hls.ts'
import type { GatewayNews } from './news.ts'
import { openRelaySource, RELAY_PATH, readRelayRequest, refuseRelay, tellWaiting } from './relay.ts'
import { makeSessionWatch } from './session-watch.ts'
import { makeSessions, stopping } from './sessions.ts'
import type { GatewaySettings } from './settings.ts'
import { answerJson, answerRefusal, answerText, beginStream, MPEG_TS } from './stream-response.ts'
import { makeTraffic, type TrafficBytes } from './traffic.ts'
import { makeViewers } from './viewers.ts'

export interface GatewayParts {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly settings: GatewaySettings
  readonly startPlayback: StartPlayback
  /** This process, unique among gateways. */
  readonly holder: string
  /** Where other gateways reach this one: the base of a URL; empty when nowhere. */
  readonly relay: () => string
  /** What gateways know each other by. */
  readonly relayKey: () => Promise<string>
  /** Fleets that may play, in the order in which they are asked. */
  readonly fleets: () => Promise<readonly string[]>
  readonly news: GatewayNews
}

/** How a gateway stands. */
export interface GatewayStanding {
  /** Sessions that play from an engine, or look for one, and those that are relayed from another gateway. */
  readonly streams: { readonly own: number; readonly relayed: number }
  /** Gateways that relay from this one included. */
  readonly viewers: number
  readonly traffic: TrafficBytes
}

/** Hands streams to viewers. Disposing it ends all of them and gives their engines back. */
export interface Gateway extends AsyncDisposable {
  /** Takes a request for a stream; false for all others, which it leaves alone. */
  handle(req: IncomingMessage, res: ServerResponse): boolean
  /**
   * Looks after streams and viewers until `signal` says to stop, and then until the last viewer has left, `drainMs` is
   * over or `cut` says that there is no time; ends what is left.
   */
  follow(signal: AbortSignal, cut?: AbortSignal): Promise<void>
  standing(): GatewayStanding
}

/** Twice a reservation's lifetime: by then a dead owner's place has lapsed. */
const OWNER_PATIENCE_MS = 30_000

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}

/** By hand: a pattern that looks for them goes over a long run of slashes again from each of them. */
function withoutEndSlashes(path: string): string {
  let end = path.length
  while (end > 0 && path[end - 1] === '/') end -= 1
  return path.slice(0, end)
}

export function makeGateway(parts: GatewayParts): Gateway {
  const { store, clock, log, settings, holder, startPlayback, relay, news } = parts
  const traffic = makeTraffic()
  const engines = {
    store,
    clock,
    log,
    startPlayback,
    holder,
    relay,
    startTimeoutMs: settings.startTimeoutMs,
    news,
  }
  const relays = { clock, key: parts.relayKey, startTimeoutMs: settings.startTimeoutMs }
  const sessions = makeSessions({
    clock,
    log,
    settings,
    traffic,
    makeFind: (wanted, figures) =>
      makeFindSource(
        {
          ...{ clock, holder, fleets: parts.fleets },
          openRelay: (by, signal) => openRelaySource(relays, by, signal),
          openEngine: (call) => openEngineSource({ ...engines, figures }, call),
          isOurs: (id) => sessions.holds(id),
          patienceMs: OWNER_PATIENCE_MS,
        },
        wanted,
      ),
    isLeaving: ({ fleet, endpoint }) =>
      fleet !== undefined && endpoint !== undefined && watch.isLeaving(fleet, endpoint.containerId),
    onNews: news.onSession,
  })
  const watch = makeEngineWatch(store, clock, () =>
    sessions.list().flatMap(({ session }) => session.source?.fleet ?? []),
  )
  const sessionWatch = makeSessionWatch(sessions, clock)
  const { onViewer } = news
  const viewers = makeViewers({ sessions, settings, clock, log, traffic, onViewer })
  const hls = makeHls({ sessions, settings, clock, log, traffic, onViewer })
  const protocol = makeEngineProtocol(sessions, log)

  function serve(req: IncomingMessage, res: ServerResponse, wanted: Wanted): void {
    // A probe wants to know whether it may come, and not to take an engine for it.
    if (req.method === 'HEAD') {
      if (sessions.isStopping) answerRefusal(res, stopping())
      else beginStream(res, MPEG_TS).end()
      return
    }
    void viewers.serve(req, res, wanted, contentKey(wanted.content))
  }

  /** What engines call `getstream` and `manifest.m3u8`: they differ in their answers alone. */
  function begin(
    req: IncomingMessage,
    res: ServerResponse,
    query: URLSearchParams,
    answer: typeof serve,
  ): void {
    const isJson = query.get('format') === 'json'
    query.delete('format')
    try {
      const wanted = readContent(query)
      // A probe wants to know whether it may come, in whichever form.
      if (isJson && req.method !== 'HEAD') void protocol.begin(req, res, wanted)
      else answer(req, res, wanted)
    } catch (error) {
      if (!(error instanceof ContentInvalid)) throw error
      answerText(res, 400, error.message)
    }
  }

  function playback(
    req: IncomingMessage,
    res: ServerResponse,
    path: string,
    answer: typeof serve,
  ): void {
    const content = contentOfPath(path)
    if (content === undefined) answerText(res, 404, 'there is no such stream')
    else answer(req, res, { content, parameters: [] })
  }

  const serveList: typeof serve = (req, res, wanted) => void hls.playlist(req, res, wanted)

  /** Answers another gateway. What is relayed here itself is not relayed on: nothing goes round in circles. */
  async function relayTo(req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
    const key = await parts.relayKey().catch(() => undefined)
    const id = key && readRelayRequest(req, path, key, clock.now())
    if (id === undefined || id === '') refuseRelay(res, 403)
    else if (!sessions.holds(id)) refuseRelay(res, 409)
    else {
      using _ = tellWaiting(res, clock)
      await viewers.relay(req, res, id)
    }
  }

  function status(res: ServerResponse): void {
    const all = sessions.list()
    const watched = all.reduce((sum, each) => sum + each.viewers, 0)
    answerJson(res, 200, { status: 'ok', streams: all.length, clients: watched })
  }

  return {
    handle(req, res) {
      const { url = '/' } = req
      if (!url.startsWith('/ace/')) return false
      // Behind a fixed host nothing of what was asked for can be taken for one: that would throw.
      const { pathname, searchParams } = new URL(`http://gateway${url}`)
      const path = withoutEndSlashes(pathname)
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        answerText(res, 405, `${req.method} is not taken here; taken are: GET, HEAD`, {
          Allow: 'GET, HEAD',
        })
        return true
      }
      if (path.startsWith(RELAY_PATH)) void relayTo(req, res, path)
      else if (path === '/ace/getstream') begin(req, res, searchParams, serve)
      else if (path === '/ace/manifest.m3u8') begin(req, res, searchParams, serveList)
      else if (path === '/ace/status') status(res)
      else if (path.startsWith('/ace/r/')) playback(req, res, path, serve)
      else if (/^\/ace\/m\/.*\.m3u8$/.test(path)) playback(req, res, path, serveList)
      else if (path.startsWith('/ace/c/')) void hls.segment(req, res, path)
      else if (path.startsWith('/ace/stat/')) void protocol.stat(res, path)
      else if (path.startsWith('/ace/cmd/')) protocol.command(res, path, searchParams)
      else answerText(res, 404, `nothing is served at ${path}`)
      return true
    },
    async follow(signal, cut = new AbortController().signal) {
      const over = new AbortController()
      const looking = [watch, sessionWatch, viewers, hls].map((each) => each.follow(over.signal))
      await aborted(signal)
      await drainViewers({ sessions, viewers, clock, drainMs: settings.drainMs }, cut)
      await sessions[Symbol.asyncDispose]()
      over.abort()
      await Promise.all(looking)
    },
    standing() {
      const all = sessions.list()
      const relayed = all.filter(
        ({ session: { source } }) => source !== undefined && source.endpoint === undefined,
      ).length
      return {
        streams: { own: all.length - relayed, relayed },
        viewers: all.reduce((sum, each) => sum + each.viewers, 0),
        traffic: traffic.read(),
      }
    },
    [Symbol.asyncDispose]: () => sessions[Symbol.asyncDispose](),
  }
}
