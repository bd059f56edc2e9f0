import type { ServerResponse } from 'node:http'
import type { Playing } from './sessions.ts'

/** What the engine says to a request. */
export type Reply =
  | {
      readonly kind: 'body'
      readonly status: number
      readonly type: string
      readonly body: string | Buffer
    }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'stream'; readonly playing: Playing }
  /** A second reader of one progressive stream: two status lines, as real engines send. */
  | { readonly kind: 'corrupt' }
  /** Nothing, for ever. */
  | { readonly kind: 'held' }
  /** The connection is reset. */
  | { readonly kind: 'reset' }

type Body = Extract<Reply, { kind: 'body' }>

export function withText(status: number, body: string): Body {
  return { kind: 'body', status, type: 'text/plain', body }
}

export function withJson(value: unknown): Body {
  return { kind: 'body', status: 200, type: 'application/json', body: JSON.stringify(value) }
}

export function withBytes(type: string, body: string | Buffer): Body {
  return { kind: 'body', status: 200, type, body }
}

const shared = { 'Access-Control-Allow-Origin': '*' }

/** Says what can be said at once; a stream, and silence, are others' work. */
export function sendReply(
  response: ServerResponse,
  reply: Exclude<Reply, { kind: 'stream' | 'held' }>,
): void {
  switch (reply.kind) {
    case 'body': {
      const length = Buffer.byteLength(reply.body)
      response.writeHead(reply.status, {
        'Content-Type': reply.type,
        'Content-Length': length,
        ...shared,
      })
      response.end(reply.body)
      break
    }
    case 'redirect':
      response.writeHead(302, { Location: reply.location, 'Content-Length': 0, ...shared }).end()
      break
    case 'corrupt':
      response.socket?.end('HTTP/1.1 200 OK\r\nHTTP/1.1 500 Internal Server Error\r\n\r\n')
      break
    case 'reset':
      response.socket?.resetAndDestroy()
      break
  }
}
