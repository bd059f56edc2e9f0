/**
 * Why an engine plays a content not.
 * - `content`: the engine said so of the content itself.
 * - `engine`: the engine is at fault, or the way to it; another one may do better.
 * - `aborted`: by the caller.
 */
export type PlaybackFault = 'content' | 'engine' | 'aborted'

/** Thrown when no bytes came. The message has the engine's own reason. */
export class PlaybackFailed extends Error {
  override readonly name = 'PlaybackFailed'
  readonly code = 'ACE_PLAYBACK_FAILED'
  readonly fault: PlaybackFault
  constructor(fault: PlaybackFault, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.fault = fault
  }
}
