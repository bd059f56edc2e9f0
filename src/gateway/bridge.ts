import type { Clock } from '../time/clock.ts'
import type { Feed } from './fanout/feed.ts'
import { StreamRefused } from './refusal.ts'
import type { Source } from './source.ts'

/** Null packets keep players from giving up on a silent connection: one each half second. */
const FILL_MS = 500
const FILL_PACKETS = 7
/** Between two attempts to find a source for viewers who wait, ms. */
const RETRY_MS = 1_000

export interface BridgeParts {
  readonly clock: Clock
  readonly feed: Pick<Feed, 'fill'>
  /** New bytes are there. */
  readonly onBytes: () => void
  /** @throws {StreamRefused} when there is no source now. */
  readonly find: () => Promise<Source>
  /** For so long at most, ms. */
  readonly gapMs: number
  /** What was lost, and why, for people. */
  readonly lost: string
  readonly signal: AbortSignal
}

/** Keeps viewers alive without a source until there is one. @throws {StreamRefused} when that takes too long. */
export async function bridge(parts: BridgeParts): Promise<Source> {
  const { clock, feed, onBytes, find, gapMs, lost, signal } = parts
  const until = clock.monotonic() + gapMs
  let filler: Disposable | undefined
  const fill = () => {
    feed.fill(FILL_PACKETS, clock.monotonic())
    onBytes()
    filler = clock.timer(FILL_MS, fill)
  }
  filler = clock.timer(FILL_MS, fill)
  try {
    for (;;) {
      signal.throwIfAborted()
      try {
        return await find()
      } catch (error) {
        if (!(error instanceof StreamRefused) || signal.aborted) throw error
        if (clock.monotonic() >= until) throw withLoss(error, lost)
      }
      await clock.sleep(RETRY_MS, signal)
    }
  } finally {
    filler?.[Symbol.dispose]()
  }
}

function withLoss({ reason, message, retryAfterS }: StreamRefused, lost: string): StreamRefused {
  return new StreamRefused(reason, `${lost}; no other source was found: ${message}`, retryAfterS)
}
