import type { ServerResponse } from 'node:http'
import type { Clock } from '../../time/clock.ts'
import type { Feed } from '../fanout/feed.ts'
import { MPEG_TS, OPEN_TO_BROWSERS } from '../stream-response.ts'
import { joinPreamble } from '../ts/entry-point.ts'
import type { Segment } from './segmenter.ts'

/** Handed to a connection at once, bytes; the rest stays in the shared ring. */
const IN_FLIGHT_BYTES = 256 * 1024
/** Its URL never names other bytes: caches between here and many viewers may keep it. */
const CACHE = 'public, max-age=60'

interface SendParts {
  readonly clock: Pick<Clock, 'timer'>
  readonly stalledMs: number
  readonly onWrite: (bytes: number) => void
}

/**
 * Sends a segment, its tables first. It is read from the session's ring as the connection takes it: one that takes too
 * little until the ring has moved on, or nothing for `stalledMs`, is torn, for an end would tell that it was whole.
 */
export async function sendSegment(
  res: ServerResponse,
  feed: Feed,
  segment: Segment,
  { clock, stalledMs, onWrite }: SendParts,
): Promise<void> {
  const preamble = joinPreamble(segment.point)
  const cursor = feed.buffer.open(segment.from, preamble)
  res.on('error', () => {})
  res.writeHead(200, {
    ...{ ...OPEN_TO_BROWSERS, 'Content-Type': MPEG_TS, 'Cache-Control': CACHE },
    'Content-Length': preamble.length + segment.to - segment.from,
  })
  if (res.req.method === 'HEAD') return void res.end()
  while (cursor.position < segment.to) {
    const reading = cursor.read(Math.min(IN_FLIGHT_BYTES, segment.to - cursor.position))
    if (reading.kind !== 'data') return void res.destroy()
    let isFull = false
    for (const buffer of reading.buffers) isFull = !res.write(buffer)
    onWrite(reading.bytes)
    if (isFull && !(await drained(res, clock, stalledMs))) return void res.destroy()
  }
  res.end()
}

/** False when the connection is gone, or takes nothing for so long. */
async function drained(
  res: ServerResponse,
  clock: Pick<Clock, 'timer'>,
  stalledMs: number,
): Promise<boolean> {
  if (res.destroyed) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const onDrain = () => resolve(true)
  const onClose = () => resolve(false)
  using _ = clock.timer(stalledMs, onClose)
  res.on('drain', onDrain).on('close', onClose)
  try {
    return await promise
  } finally {
    res.off('drain', onDrain).off('close', onClose)
  }
}
