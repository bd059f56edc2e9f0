/** What a user may set of the gateway. Times in ms. */
export interface GatewaySettings {
  /** From a claim to an engine's first byte: engines buffer for tens of seconds. */
  readonly startTimeoutMs: number
  /** Without a byte for so long, a source is given up for another one. */
  readonly silenceMs: number
  /** How long viewers are kept without a source that plays, by null packets. */
  readonly gapMs: number
  /** How long a session outlives its last viewer: players probe first and play then. */
  readonly graceMs: number
  /** How long a channel that would not start is not asked for again. */
  readonly deadMs: number
  /** How far behind the newest byte a new viewer begins, at least, where it is there. */
  readonly backlogMs: number
  /** What is kept of a session for viewers that are behind; older bytes are gone. */
  readonly buffer: { readonly maxBytes: number; readonly maxAgeMs: number }
  /** The same while somebody watches as HLS: a list, and as much time again in which what it named is still there. */
  readonly hlsBuffer: { readonly maxBytes: number; readonly maxAgeMs: number }
  /** What becomes of a viewer who is behind what is kept. */
  readonly slowViewer: 'skip' | 'cut'
  /** A viewer whose connection takes nothing for so long, though there is something, is gone. */
  readonly stalledMs: number
  /** How long viewers are let be when the gateway is told to stop. With the rest, less than `docker stop` waits: 10 s. */
  readonly drainMs: number
}

/** The bounds are those of a home server: 20 sessions of 8 Mbit/s take 320 MB at most, and as HLS three times that. */
export const DEFAULT_GATEWAY: GatewaySettings = {
  startTimeoutMs: 60_000,
  silenceMs: 15_000,
  gapMs: 60_000,
  graceMs: 10_000,
  deadMs: 30_000,
  backlogMs: 2_000,
  buffer: { maxBytes: 16 * 1024 * 1024, maxAgeMs: 30_000 },
  hlsBuffer: { maxBytes: 48 * 1024 * 1024, maxAgeMs: 90_000 },
  slowViewer: 'skip',
  stalledMs: 30_000,
  drainMs: 8_000,
}
