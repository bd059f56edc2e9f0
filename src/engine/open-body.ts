import type { IncomingMessage } from 'node:http'
import http from 'node:http'
import type { Clock } from '../time/clock.ts'
import { PlaybackFailed } from './playback-failed.ts'

/** An answer with its first bytes, or one that is none of a stream, with the beginning of its text. */
export type Opened =
  | { readonly kind: 'flows'; readonly body: IncomingMessage }
  | {
      readonly kind: 'told'
      readonly status: number
      readonly location?: string
      readonly text: string
    }

interface OpenBodyCall {
  /** Counts the timeout. */
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Of an error's text, for people. */
const REASON_CHARS = 200

/** Of what an engine says, as much as people read. */
export const shorten = (text: string) => text.slice(0, REASON_CHARS).replace(/\s+/g, ' ').trim()

/** Waits for the first bytes of a body that stays open. The head alone proves nothing: engines send it while they buffer. */
async function firstBytes(response: IncomingMessage): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onReadable = () => {
    if (response.readableLength > 0) resolve()
    // At the end of a body there is nothing to read either, and only reading shows it.
    else response.read()
  }
  const onEnd = () => reject(new PlaybackFailed('engine', 'it ended without a byte'))
  response.on('readable', onReadable).on('end', onEnd).on('error', reject).on('close', onEnd)
  try {
    await promise
  } finally {
    response.off('readable', onReadable).off('end', onEnd).off('error', reject).off('close', onEnd)
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += chunk
    if (text.length > REASON_CHARS) break
  }
  response.destroy()
  return shorten(text)
}

async function readAnswer(response: IncomingMessage): Promise<Opened> {
  const { statusCode: status = 0 } = response
  if (status === 200) {
    await firstBytes(response)
    return { kind: 'flows', body: response }
  }
  const { location } = response.headers
  if (status < 300 || status >= 400 || location === undefined)
    return { kind: 'told', status, text: await textOf(response) }
  response.destroy()
  return { kind: 'told', status, location, text: '' }
}

/**
 * One GET. The signal and the timeout end it, head and text alike, until bytes flow, and never after.
 * @throws {PlaybackFailed} and whatever the connection fails with
 */
export async function openBody(
  url: URL,
  { clock, timeoutMs, signal }: OpenBodyCall,
): Promise<Opened> {
  signal.throwIfAborted()
  const request = http.get(url, { agent: false, headers: { accept: '*/*' } })
  const answered = Promise.withResolvers<IncomingMessage>()
  const failed = Promise.withResolvers<never>()
  const giveUp = (error: PlaybackFailed) => {
    failed.reject(error)
    request.destroy()
  }
  const onAbort = () => giveUp(new PlaybackFailed('aborted', 'it is not wanted any more'))
  const timer = clock.timer(timeoutMs, () =>
    giveUp(new PlaybackFailed('engine', 'no bytes came in time')),
  )
  signal.addEventListener('abort', onAbort)
  // It stays: what is torn down may still fail.
  request.on('response', answered.resolve).on('error', failed.reject)
  try {
    const reading = answered.promise.then(readAnswer)
    return await Promise.race([reading, failed.promise])
  } finally {
    timer[Symbol.dispose]()
    signal.removeEventListener('abort', onAbort)
    failed.promise.catch(() => {})
  }
}
