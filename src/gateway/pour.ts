import type { Clock } from '../time/clock.ts'
import type { Source } from './source.ts'

/** Why a source gives no more. `stopped`: by the caller. */
export interface PourEnd {
  readonly kind: 'stopped' | 'ended' | 'failed' | 'silent' | 'lost'
  /** For people. */
  readonly message: string
}

export interface PourParts {
  readonly clock: Clock
  /** Without a byte for so long it is given up, ms. */
  readonly silenceMs: number
  /** Takes a chunk; must not keep it. */
  readonly take: (chunk: Buffer) => void
  readonly signal: AbortSignal
}

/** Several times within the silence that ends a source. */
const LOOKS = 5

/**
 * Reads a source until it gives no more, as fast as bytes come: nobody paces it. Past the deadline of its place, which
 * only a pause of this process can bring about, nothing is handed on before the place has been asserted anew. Never rejects.
 */
export async function pour(
  source: Source,
  { clock, silenceMs, take, signal }: PourParts,
): Promise<PourEnd> {
  const { body, lost } = source
  const { promise: end, resolve } = Promise.withResolvers<PourEnd>()
  let lastAt = clock.monotonic()
  let isAsking = false

  const onData = (chunk: Buffer) => {
    lastAt = clock.monotonic()
    if (source.mayRead()) {
      source.noteBytes()
      take(chunk)
    } else void askBefore(chunk)
  }
  /** Meanwhile nothing else comes: the body is paused. */
  async function askBefore(chunk: Buffer): Promise<void> {
    body.pause()
    isAsking = true
    try {
      await source.assertHeld()
      lastAt = clock.monotonic()
      take(chunk)
      body.resume()
    } catch (error) {
      resolve({ kind: 'lost', message: messageOf(error) })
    } finally {
      isAsking = false
    }
  }
  const onEnd = () => resolve({ kind: 'ended', message: 'it ended the stream' })
  const onError = (error: Error) => resolve({ kind: 'failed', message: error.message })
  const onClose = () => resolve({ kind: 'failed', message: 'the connection was closed' })
  const onLost = () => resolve({ kind: 'lost', message: messageOf(lost.reason) })
  const onStop = () => resolve({ kind: 'stopped', message: 'it is not wanted any more' })

  /** A timer of its own: what is paused or half open tells nothing by itself. */
  let watch: Disposable | undefined
  const look = () => {
    const silentMs = clock.monotonic() - lastAt
    if (!isAsking && silentMs >= silenceMs)
      return resolve({ kind: 'silent', message: `no bytes for ${Math.round(silentMs)} ms` })
    watch = clock.timer(silenceMs / LOOKS, look)
  }
  watch = clock.timer(silenceMs / LOOKS, look)

  body.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  lost.addEventListener('abort', onLost)
  signal.addEventListener('abort', onStop)
  if (lost.aborted) onLost()
  if (signal.aborted) onStop()
  try {
    return await end
  } finally {
    watch[Symbol.dispose]()
    lost.removeEventListener('abort', onLost)
    signal.removeEventListener('abort', onStop)
    body.off('data', onData).off('end', onEnd).off('close', onClose)
    body.pause()
    // Its error listener stays: what is torn down may still fail, and that is nobody's news.
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
