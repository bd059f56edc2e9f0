import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Content, contentKey, parseContentKey, type Wanted } from '../streams/content.ts'
import type { Logger } from '../telemetry/log.ts'
import { StreamRefused } from './refusal.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import { answerJson, answerRefusal, goneSignal } from './stream-response.ts'

/**
 * The engine's own JSON protocol (`format=json`): clients begin a session, get the URLs of its bytes, of its figures and
 * of its end, and use those. Here a URL names the content itself, so that it works on any gateway, and for as long as
 * anybody likes: `stop` ends nothing, for others may watch, and a session that nobody watches ends by itself.
 */
export interface EngineProtocol {
  /** Begins the session and answers with its URLs. Never rejects. */
  begin(req: IncomingMessage, res: ServerResponse, wanted: Wanted): Promise<void>
  /** Answers for `/ace/stat/…`. */
  stat(res: ServerResponse, path: string): Promise<void>
  /** Answers for `/ace/cmd/…`. */
  command(res: ServerResponse, path: string, query: URLSearchParams): void
}

/** Behind `/ace/r/`, `/ace/m/`, `/ace/c/`, `/ace/stat/` and `/ace/cmd/`: `<hash>/<key>`, the key telling an infohash from a content id. */
const KEYS = { id: 'c', infohash: 'i' } as const

/** What the path of such a URL names; undefined for another one. */
export function contentOfPath(path: string): Content | undefined {
  const [hash = '', key = ''] = path.split('/').slice(-2)
  const kind = key.startsWith(KEYS.infohash) ? 'infohash' : 'id'
  return parseContentKey(`${kind}:${hash}`)
}

/** The reverse of {@link contentOfPath}. */
export function contentPath({ kind, hash }: Content): string {
  return `${hash}/${KEYS[kind]}`
}

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex')

function urlsOf(req: IncomingMessage, content: Content, isHls: boolean) {
  // The viewer's own name for this gateway; behind a proxy that ends TLS, what that says.
  const proto = String(req.headers['x-forwarded-proto'] ?? 'http').split(',')[0]
  const base = `${proto === 'https' ? 'https' : 'http'}://${req.headers.host ?? 'localhost'}`
  const path = contentPath(content)
  return {
    playback_url: isHls ? `${base}/ace/m/${path}.m3u8` : `${base}/ace/r/${path}`,
    stat_url: `${base}/ace/stat/${path}`,
    command_url: `${base}/ace/cmd/${path}`,
  }
}

export function makeEngineProtocol(sessions: Sessions, log: Logger): EngineProtocol {
  const find = (content: Content): Session | undefined =>
    sessions.find(contentKey(content)) ??
    sessions.list().find(({ session }) => session.source?.infohash === content.hash)?.session

  return {
    async begin(req, res, wanted) {
      const isHls = req.url?.startsWith('/ace/manifest.m3u8') ?? false
      const gone = goneSignal(req, res)
      try {
        // Its grace begins when this seat is left, and players come within it.
        using seat = await sessions.join(wanted, () => {}, gone)
        const infohash = seat.session.source?.infohash ?? wanted.content.hash
        answerJson(res, 200, {
          response: {
            ...urlsOf(req, wanted.content, isHls),
            infohash,
            playback_session_id: sha1(contentKey(wanted.content)),
            is_live: 1,
            is_encrypted: 0,
            client_session_id: -1,
          },
          error: null,
        })
      } catch (error) {
        if (gone.aborted) return
        if (!(error instanceof StreamRefused)) log.error({ err: error }, 'no session was begun')
        else if (error.status === 503) return answerRefusal(res, error)
        // As engines answer: 200, and the reason in the text.
        const reason = error instanceof Error ? error.message : String(error)
        answerJson(res, 200, { response: null, error: reason })
      }
    },
    async stat(res, path) {
      const content = contentOfPath(path)
      const session = content === undefined ? undefined : find(content)
      const stat = await session?.source?.stat(AbortSignal.timeout(3_000))
      if (content === undefined || session === undefined)
        return answerJson(res, 200, { response: null, error: 'unknown playback session id' })
      answerJson(res, 200, {
        response: {
          status: stat?.status ?? 'prebuf',
          peers: stat?.peers ?? 0,
          speed_down: stat?.speedDown ?? 0,
          speed_up: stat?.speedUp ?? 0,
          downloaded: stat?.downloaded ?? session.bytes,
          uploaded: stat?.uploaded ?? 0,
          total_progress: 0,
          is_live: 1,
          is_encrypted: 0,
          infohash: session.source?.infohash ?? content.hash,
          playback_session_id: sha1(contentKey(content)),
          client_session_id: -1,
        },
        error: null,
      })
    },
    command(res, path, query) {
      const method = query.get('method')
      if (contentOfPath(path) === undefined || method !== 'stop')
        return answerJson(res, 200, { response: null, error: `unknown command ${method ?? ''}` })
      answerJson(res, 200, { response: 'ok', error: null })
    },
  }
}
