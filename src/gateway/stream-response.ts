import type { IncomingMessage, ServerResponse } from 'node:http'
import type { StreamRefused } from './refusal.ts'

/** As engines answer, for players in browsers as well. */
export const OPEN_TO_BROWSERS = { 'Access-Control-Allow-Origin': '*' }
const COMMON = { ...OPEN_TO_BROWSERS, 'Cache-Control': 'no-store' }
/** What an engine's progressive stream is called. */
export const MPEG_TS = 'video/mp2t'

/** The beginning of a stream's answer. Its end is the connection's: chunks would cost each viewer a header per write. */
export function beginStream(res: ServerResponse, contentType: string): ServerResponse {
  res.removeHeader('Transfer-Encoding')
  res.writeHead(200, { ...COMMON, 'Content-Type': contentType, Connection: 'close' })
  res.socket?.setNoDelay(true)
  return res
}

/** An answer of a few words. */
export function answerText(
  res: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (res.headersSent || res.destroyed) return
  const body = Buffer.from(`${text}\n`)
  res.writeHead(status, {
    ...{ ...COMMON, 'Content-Type': 'text/plain; charset=utf-8' },
    ...{ 'Content-Length': body.length, ...headers },
  })
  res.end(body)
}

export function answerJson(res: ServerResponse, status: number, value: unknown): void {
  if (res.headersSent || res.destroyed) return
  const body = Buffer.from(JSON.stringify(value))
  const type = { 'Content-Type': 'application/json', 'Content-Length': body.length }
  res.writeHead(status, { ...COMMON, ...type })
  res.end(body)
}

/** Says why there is no stream, and when it is worth another try. */
export function answerRefusal(res: ServerResponse, refusal: StreamRefused): void {
  const { status, message, reason, retryAfterS } = refusal
  answerText(res, status, message, {
    'X-Acefleet-Reason': reason,
    ...(retryAfterS !== undefined && { 'Retry-After': String(retryAfterS) }),
  })
}

/** Aborted when the viewer is gone: players leave while a channel still buffers. */
export function goneSignal(req: IncomingMessage, res: ServerResponse): AbortSignal {
  const gone = new AbortController()
  const onClose = () => gone.abort(new Error(`the viewer of ${req.url} left`))
  if (res.destroyed) onClose()
  else res.once('close', onClose)
  return gone.signal
}
