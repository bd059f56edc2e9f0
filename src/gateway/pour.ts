import type { Clock } from '../time/clock.ts'
import type { Source } from './source.ts'

/** Why a source gives no more. `stopped`: by the caller; `unusable`: it gives what viewers cannot be given. */
export interface PourEnd {
  readonly kind: 'stopped' | 'ended' | 'failed' | 'silent' | 'lost' | 'unusable'
  /** For people. */
  readonly message: string
}

export interface PourParts {
  readonly clock: Clock
  /** Without a byte for so long it is given up, ms. */
  readonly silenceMs: number
  /** Takes a chunk; must not keep it. False when it can make nothing of what this source sends. */
  readonly take: (chunk: Buffer) => boolean
  readonly signal: AbortSignal
}

/** So often it is looked for bytes within the silence that ends a source. */
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
  let quietLooks = 0
  let isAsking = false
  let isOver = false

  const hand = (chunk: Buffer) => {
    source.noteBytes()
    if (!take(chunk))
      resolve({ kind: 'unusable', message: 'it sends what is no stream for these viewers' })
  }
  const noteLife = () => {
    lastAt = clock.monotonic()
    quietLooks = 0
  }
  const onData = (chunk: Buffer) => {
    noteLife()
    if (source.mayRead()) hand(chunk)
    else void askBefore(chunk)
  }
  /** Meanwhile nothing else comes: the body is paused. */
  async function askBefore(chunk: Buffer): Promise<void> {
    body.pause()
    isAsking = true
    try {
      await source.assertHeld()
      // Meanwhile another source may have taken over.
      if (isOver) return
      noteLife()
      hand(chunk)
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

  /**
   * A timer of its own: what is paused or half open tells nothing by itself. Looks are counted, for after a pause of this
   * process a timer may fire before what waits in the socket is read.
   */
  let watch: Disposable | undefined
  const look = () => {
    if (!isAsking) quietLooks += 1
    if (quietLooks >= LOOKS) {
      const silentMs = Math.round(clock.monotonic() - lastAt)
      return resolve({ kind: 'silent', message: `no bytes for ${silentMs} ms` })
    }
    watch = clock.timer(silenceMs / LOOKS, look)
  }
  watch = clock.timer(silenceMs / LOOKS, look)

  body.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  lost.addEventListener('abort', onLost)
  signal.addEventListener('abort', onStop)
  if (lost.aborted) onLost()
  if (signal.aborted) onStop()
  // It broke while it waited for its turn, and will not tell again.
  if (body.destroyed) onClose()
  try {
    return await end
  } finally {
    isOver = true
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
