import { z } from 'zod'

const amount = z.number().nonnegative()

const sessionFiguresSchema = z.object({
  /** Those that wait for its first bytes included. A gateway that relays it counts as one. */
  viewers: amount,
  /** Unix ms by the holder's clock at which the first of them asked. */
  startedAt: amount,
  /** Of the stream, by its own clock; absent until that is known, and for what is no transport stream. */
  bitsPerS: amount.optional(),
  /** What is kept for viewers that are behind: how long ago the oldest of it came, ms. */
  bufferedMs: amount,
  /** Left out for viewers that were too slow. */
  skippedBytes: amount,
})

/** What a session's holder knows of it without asking its engine. */
export type SessionFigures = Readonly<z.output<typeof sessionFiguresSchema>>

/**
 * The text that is stored of what a holder tells of its session; empty when it tells nothing.
 * @throws {RangeError} for what cannot be: it must not be written.
 */
export function formatSessionFigures(figures: SessionFigures | undefined): string {
  if (figures === undefined) return ''
  const parsed = sessionFiguresSchema.safeParse(figures)
  if (!parsed.success) throw new RangeError(`no figures of a session: ${parsed.error.message}`)
  return JSON.stringify(parsed.data)
}

/** Reads it back. */
export function parseSessionFigures(text: string): SessionFigures | undefined {
  return text === '' ? undefined : sessionFiguresSchema.parse(JSON.parse(text))
}
