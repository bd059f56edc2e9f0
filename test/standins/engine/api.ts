import type { Channel } from './channel.ts'
import type { Channels } from './channels.ts'
import { makeSegments } from './playlist.ts'
import { type Reply, withBytes, withJson, withText } from './reply.ts'
import type { Playing, Session } from './sessions.ts'
import type { EngineSettings } from './settings.ts'
import { type StartContext, startContent } from './start.ts'
import { describeStat } from './stat.ts'

export interface ApiContext extends StartContext {
  readonly settings: EngineSettings
  readonly channels: Channels
  readonly isConnected: () => Promise<boolean>
  /** Unix milliseconds. */
  readonly now: () => number
}

const result = (value: unknown) => withJson({ result: value, error: null })
const failed = (error: string) => withJson({ response: null, error })

const unknownSession = () => failed('unknown playback session id')
const notFound = () => withText(404, 'not found')
const noDownload = () => withText(500, 'download not found')

/** The engine's HTTP API. `url` is absolute with the host that the caller asked: the answer's URLs are built from it. */
export async function answer(url: URL, context: ApiContext): Promise<Reply> {
  const { pathname } = url
  const { sessions } = context
  const [, root = '', ...rest] = pathname.split('/')
  if (pathname === '/webui/api/service') return service(url, context)
  if (pathname === '/server/api') return serverApi(url, context)
  if (root === 'content') return content(sessions.findToken(rest[0] ?? '', rest[1] ?? ''), context)
  const [route = '', infohash = '', last = ''] = rest
  if (root !== 'ace') return notFound()
  const key = last.replace(/\.m3u8$/, '')
  const playing = sessions.find(infohash, key)
  switch (route) {
    case 'getstream':
      return startContent(url, 'r', context)
    case 'manifest.m3u8':
      return startContent(url, 'm', context)
    case 'r':
      return playback(playing, url, context)
    case 'm':
      return list(infohash, key, url, context)
    case 'c':
      return segment(infohash, last, context)
    case 'stat':
      return stat(playing, context)
    case 'cmd':
      return command(url, playing, context)
    case 'event':
      return events(playing, context)
    default:
      return notFound()
  }
}

/** `websocket_port` came with 3.2.3. */
function describeVersion({ settings: { version, ports } }: ApiContext): object {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  const code = major * 1_000_000 + minor * 10_000 + patch * 100
  const isNewer = code >= 3_020_300
  return { code, platform: 'linux', version, ...(isNewer ? { websocket_port: ports.api + 1 } : {}) }
}

function service(url: URL, context: ApiContext): Reply {
  const method = url.searchParams.get('method')
  if (method === 'get_version') return result(describeVersion(context))
  return withJson({ result: null, error: `unknown method: ${method}` })
}

async function serverApi(url: URL, context: ApiContext): Promise<Reply> {
  switch (url.searchParams.get('method')) {
    case 'get_status':
      return withJson({ result: { playlist_loaded: true, version: describeVersion(context) } })
    case 'get_network_connection_status':
      return withJson({ result: { connected: await context.isConnected() } })
    case 'get_api_access_token':
      return withJson({ result: { token: 'stand-in' } })
    default:
      return withJson({ error: { message: 'unknown method', code: 0 } })
  }
}

/** Whether the content is there: real engines have something to give some time after the start. */
export function isReady(session: Session, { traits, now }: ApiContext): boolean {
  const { preloadMs, peers } = traits.of(session.infohash)
  return preloadMs !== null && peers > 0 && now() - session.startedAt >= preloadMs
}

/** The two ways in which a real engine puts a reader off while it has nothing to give; it is to be asked again. */
function putOff(session: Session, { traits, now }: ApiContext): Reply {
  const { preloadMs } = traits.of(session.infohash)
  const isEarly = preloadMs !== null && now() - session.startedAt < preloadMs / 2
  return isEarly ? noDownload() : withText(500, 'start timeout')
}

function playback(playing: Playing | undefined, url: URL, context: ApiContext): Reply {
  if (playing === undefined) return noDownload()
  const { session, player } = playing
  const { preload, redirect } = context.traits.of(session.infohash)
  if (preload === '500' && !isReady(session, context)) return putOff(session, context)
  if (redirect === 'none') return content(playing, context)
  return { kind: 'redirect', location: `${url.origin}/content/${session.infohash}/${player.token}` }
}

function content(playing: Playing | undefined, { sessions, traits }: ApiContext): Reply {
  if (playing === undefined) return noDownload()
  const { session, player } = playing
  if (player.reader === undefined) return { kind: 'stream', playing }
  if (traits.of(session.infohash).secondReader === 'is-spoilt') {
    sessions.counters.corruptReplies += 1
    return { kind: 'corrupt' }
  }
  player.reader.end('close')
  return { kind: 'stream', playing }
}

/** The content of a session as the traits of the moment have it. */
export function channelOf({ infohash }: Session, { channels, traits }: ApiContext): Channel {
  return channels(infohash, traits.of(infohash))
}

function list(infohash: string, key: string, url: URL, context: ApiContext): Reply {
  const { sessions, traits, now } = context
  const playing = sessions.find(infohash, key)
  if (playing === undefined) {
    return sessions.wasSuperseded(infohash, key) ? withText(403, 'forbidden') : noDownload()
  }
  const { session } = playing
  if (!isReady(session, context)) return putOff(session, context)
  sessions.touch(session)
  const segments = makeSegments(infohash, channelOf(session, context), traits.of(infohash))
  return withBytes('application/vnd.apple.mpegurl', segments.list(url.origin, now()))
}

function segment(infohash: string, name: string, context: ApiContext): Reply {
  const { sessions, traits, now } = context
  const number = /^(\d{1,12})\.ts$/.exec(name)?.[1]
  const session = sessions.of(infohash)
  if (number === undefined || session === undefined) return notFound()
  const segments = makeSegments(infohash, channelOf(session, context), traits.of(infohash))
  const bytes = segments.read(Number(number), now())
  if (bytes === undefined) return notFound()
  sessions.touch(session)
  session.sentBytes += bytes.length
  return withBytes('video/mp2t', bytes)
}

function stat(playing: Playing | undefined, context: ApiContext): Reply {
  if (playing === undefined) return unknownSession()
  const { session } = playing
  const traits = context.traits.of(session.infohash)
  if (traits.stat === 'hangs') return { kind: 'held' }
  if (traits.stat === '500') return withText(500, 'Internal Server Error')
  if (traits.stat === 'unknown') return unknownSession()
  const input = { session, traits, isReady: isReady(session, context), nowMs: context.now() }
  return withJson({ response: describeStat(input), error: null })
}

function command(url: URL, playing: Playing | undefined, { sessions }: ApiContext): Reply {
  if (playing === undefined) {
    sessions.counters.stopsUnknown += 1
    return unknownSession()
  }
  const method = url.searchParams.get('method')
  if (method !== 'stop') return failed(`unknown method: ${method}`)
  sessions.stop(playing.session)
  return withJson({ response: 'ok', error: null })
}

/** How long a poll for events waits for one; chosen, the vendor's time is not known. */
const eventPollMs = 30_000

/** One event there is: the session's end. Its shape is chosen. */
async function events(playing: Playing | undefined, context: ApiContext): Promise<Reply> {
  if (playing === undefined) return unknownSession()
  const how = await Promise.race([playing.session.over, context.sleep(eventPollMs)])
  if (typeof how !== 'string') return withJson({ response: null, error: null })
  const event = { name: 'download_stopped', params: { reason: how } }
  return withJson({ response: event, error: null })
}
