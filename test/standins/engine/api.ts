import { createHash } from 'node:crypto'
import { makePlaylist, makeSegment } from './playlist.ts'
import type { Session, Sessions } from './sessions.ts'
import type { EngineSettings } from './settings.ts'

/** What the engine says to a request. */
export type Reply =
  | { readonly kind: 'json'; readonly value: unknown }
  | {
      readonly kind: 'body'
      readonly status: number
      readonly type: string
      readonly body: string | Buffer
    }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'stream'; readonly session: Session }
  /** A second reader of one progressive stream: two status lines, as real engines send. */
  | { readonly kind: 'corrupt' }

export interface ApiState {
  readonly settings: EngineSettings
  readonly sessions: Sessions
  readonly isConnected: () => Promise<boolean>
  readonly hasContent: () => boolean
}

const json = (value: unknown): Reply => ({ kind: 'json', value })
const text = (status: number, body: string): Reply => ({
  kind: 'body',
  status,
  type: 'text/plain',
  body,
})
const result = (value: unknown) => json({ result: value, error: null })
const failed = (error: string) => json({ response: null, error })

const unknownSession = 'unknown playback session id'

/** The engine's HTTP API. `url` is absolute with the host that the caller asked: the answer's URLs are built from it. */
export async function answer(url: URL, state: ApiState): Promise<Reply> {
  const [, root = '', route = '', infohash = '', last = ''] = url.pathname.split('/')
  if (url.pathname === '/webui/api/service') return service(url, state)
  if (url.pathname === '/server/api') return serverApi(url, state)
  if (root !== 'ace') return text(404, 'not found')
  if (route === 'getstream') return open(url, state, 'r')
  if (route === 'manifest.m3u8') return open(url, state, 'm')
  if (route === 'c') return segment(infohash, last, state)
  const key = last.replace(/\.m3u8$/, '')
  if (route === 'r') return read(state.sessions.find(infohash, key), state)
  if (route === 'm') return list(infohash, key, url, state)
  if (route === 'stat') return stat(state.sessions.find(infohash, key))
  if (route === 'cmd') return command(url, state.sessions.find(infohash, key), state)
  return text(404, 'not found')
}

function version({ settings }: ApiState): object {
  const [major = 0, minor = 0, patch = 0] = settings.version.split('.').map(Number)
  const code = major * 1_000_000 + minor * 10_000 + patch * 100
  return { code, platform: 'linux', version: settings.version }
}

function service(url: URL, state: ApiState): Reply {
  const method = url.searchParams.get('method')
  if (method === 'get_version') return result(version(state))
  return json({ result: null, error: `unknown method: ${method}` })
}

async function serverApi(url: URL, state: ApiState): Promise<Reply> {
  switch (url.searchParams.get('method')) {
    case 'get_status':
      return json({ result: { playlist_loaded: true, version: version(state) } })
    case 'get_network_connection_status':
      return json({ result: { connected: await state.isConnected() } })
    case 'get_api_access_token':
      return json({ result: { token: 'stand-in' } })
    default:
      return json({ error: { message: 'unknown method', code: 0 } })
  }
}

/** The first selector that is there wins. Undefined: nothing was asked for, or no infohash. */
function infohashOf({ searchParams }: URL): string | undefined {
  const content = searchParams.get('content_id') ?? searchParams.get('id')
  const infohash = searchParams.get('infohash')
  if (!content && infohash) {
    return /^[0-9a-f]{40}$/i.test(infohash) ? infohash.toLowerCase() : undefined
  }
  const other = content || searchParams.get('url') || searchParams.get('magnet')
  return other ? createHash('sha1').update(other).digest('hex') : undefined
}

function open(url: URL, state: ApiState, kind: 'r' | 'm'): Reply {
  const infohash = infohashOf(url)
  const wantsJson = url.searchParams.get('format') === 'json'
  if (infohash === undefined || !state.hasContent()) {
    if (wantsJson) return failed('failed to load content')
    return text(500, "Internal Server Error, couldn't find resource")
  }
  const pid = url.searchParams.get('pid') ?? url.searchParams.get('sid')
  const session = state.sessions.open(infohash, pid)
  const at = (route: string) => `${url.origin}/ace/${route}/${infohash}/${session.key}`
  const playback = kind === 'r' ? at('r') : `${at('m')}.m3u8`
  if (!wantsJson) return { kind: 'redirect', location: playback }
  const urls = { playback_url: playback, stat_url: at('stat'), command_url: at('cmd') }
  return json({ response: { ...urls, ...identity(session) }, error: null })
}

function identity(session: Session): object {
  return {
    infohash: session.infohash,
    playback_session_id: session.id,
    is_live: 1,
    is_encrypted: 0,
    client_session_id: -1,
  }
}

function read(session: Session | undefined, { sessions }: ApiState): Reply {
  if (session === undefined) return text(500, 'download not found')
  if (session.reader === undefined) return { kind: 'stream', session }
  sessions.counters.corruptReplies += 1
  return { kind: 'corrupt' }
}

function list(infohash: string, key: string, url: URL, { sessions }: ApiState): Reply {
  const session = sessions.find(infohash, key)
  if (session === undefined) {
    return sessions.wasSuperseded(infohash, key)
      ? text(403, 'forbidden')
      : text(500, 'download not found')
  }
  sessions.touch(session)
  const body = makePlaylist(infohash, url.origin, Date.now())
  return { kind: 'body', status: 200, type: 'application/vnd.apple.mpegurl', body }
}

function segment(infohash: string, name: string, { sessions, settings }: ApiState): Reply {
  const number = /^(\d{1,12})\.ts$/.exec(name)?.[1]
  const session = sessions.of(infohash)
  if (number === undefined || session === undefined) return text(404, 'not found')
  sessions.touch(session)
  const body = makeSegment(Number(number), settings.bitrate)
  session.sentBytes += body.length
  return { kind: 'body', status: 200, type: 'video/mp2t', body }
}

/** Speeds are KB/s, sizes bytes, and all of livepos is strings. */
function stat(session: Session | undefined): Reply {
  if (session === undefined) return failed(unknownSession)
  const now = Math.floor(Date.now() / 1000)
  const first = Math.floor(session.startedAt / 1000)
  const isFlowing = session.sentBytes > 0
  return json({
    response: {
      status: isFlowing ? 'dl' : 'prebuf',
      peers: 4,
      speed_down: isFlowing ? 257 : 0,
      speed_up: isFlowing ? 29 : 0,
      downloaded: session.sentBytes,
      uploaded: Math.floor(session.sentBytes / 10),
      total_progress: 0,
      ...identity(session),
      selected_file_index: -1,
      network_monitor_status: 0,
      livepos: {
        pos: String(now - 5),
        last: String(now),
        live_first: String(first),
        live_last: String(now),
        first_ts: String(first),
        last_ts: String(now),
        is_live: '1',
        buffer_pieces: '30',
      },
    },
    error: null,
  })
}

function command(url: URL, session: Session | undefined, { sessions }: ApiState): Reply {
  if (session === undefined) {
    sessions.counters.stopsUnknown += 1
    return failed(unknownSession)
  }
  const method = url.searchParams.get('method')
  if (method !== 'stop') return failed(`unknown method: ${method}`)
  sessions.stop(session)
  return json({ response: 'ok', error: null })
}
