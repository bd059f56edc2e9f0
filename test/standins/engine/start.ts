import { type Reply, withJson, withText } from './reply.ts'
import type { Sessions } from './sessions.ts'
import { describeSession } from './stat.ts'
import { infohashOfId, type TraitsStore } from './traits.ts'

/** What a start needs of the engine. */
export interface StartContext {
  readonly sessions: Sessions
  readonly traits: TraitsStore
  readonly hasContent: () => boolean
  /** Waits. */
  readonly sleep: (ms: number) => Promise<unknown>
}

const notLoaded = 'failed to load content'

/** The first selector that is there wins. Undefined: nothing was asked for, or no infohash. */
function infohashOf({ searchParams }: URL): string | undefined {
  const content = searchParams.get('content_id') || searchParams.get('id')
  const infohash = searchParams.get('infohash')
  if (!content && infohash) {
    return /^[0-9a-f]{40}$/i.test(infohash) ? infohash.toLowerCase() : undefined
  }
  const other = content || searchParams.get('url') || searchParams.get('magnet')
  return other ? infohashOfId(other) : undefined
}

/** `/ace/getstream` (`r`) or `/ace/manifest.m3u8` (`m`). */
export async function startContent(
  url: URL,
  kind: 'r' | 'm',
  context: StartContext,
): Promise<Reply> {
  const isJson = url.searchParams.get('format') === 'json'
  const infohash = infohashOf(url)
  if (infohash === undefined) return refuse(notLoaded, 200, isJson)
  const { error, errorStatus, answerMs } = context.traits.of(infohash)
  if (answerMs === null) return { kind: 'held' }
  if (answerMs > 0) await context.sleep(answerMs)
  const reason = error ?? whyNot(infohash, context)
  if (reason !== undefined) return refuse(reason, errorStatus, isJson)
  return open(url, kind, infohash, context)
}

function whyNot(infohash: string, context: StartContext): string | undefined {
  const { sessions, traits, hasContent } = context
  if (!hasContent()) return notLoaded
  const { maxSessions } = traits.of()
  const isNew = sessions.of(infohash) === undefined
  return isNew && maxSessions !== null && sessions.all().length >= maxSessions
    ? notLoaded
    : undefined
}

/** The engine tells players less than programs: its own words for a content that it can not load are these. */
function refuse(reason: string, status: number, isJson: boolean): Reply {
  if (isJson) return { ...withJson({ response: null, error: reason }), status }
  const told = reason === notLoaded ? "couldn't find resource" : reason
  return withText(500, `Internal Server Error, ${told}`)
}

function open(url: URL, kind: 'r' | 'm', infohash: string, context: StartContext): Reply {
  const { sessions, traits } = context
  const { searchParams, origin } = url
  const { session, player } = sessions.open(
    infohash,
    searchParams.get('pid') || searchParams.get('sid'),
  )
  const at = (route: string) => `${origin}/ace/${route}/${infohash}/${player.key}`
  const playback = kind === 'r' ? at('r') : `${at('m')}.m3u8`
  if (searchParams.get('format') !== 'json') return { kind: 'redirect', location: playback }
  const isOn = (name: string) => searchParams.get(name) === '1'
  const hasEvents = isOn('use_api_events') || isOn('use_stop_notifications')
  const urls = {
    playback_url: playback,
    stat_url: at('stat'),
    command_url: at('cmd'),
    ...(hasEvents ? { event_url: at('event') } : {}),
  }
  const response = { ...urls, ...describeSession(session, traits.of(infohash)) }
  return withJson({ response, error: null })
}
