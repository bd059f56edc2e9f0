import { Hono } from 'hono'
import type { FleetEvent } from '../telemetry/event.ts'
import type { Recorder } from '../telemetry/recorder.ts'
import type { Clock } from '../time/clock.ts'
import { Problem } from './problem.ts'
import { eventsQuery, readQuery } from './query.ts'
import type { RememberedReads } from './remembered-reads.ts'
import { tellAge } from './store-age.ts'
import { eventView } from './view.ts'

/** Silence after which a comment is sent, ms: below the idle limits of usual proxies (30 to 60 s). */
const HEARTBEAT_MS = 15_000
/** How long an EventSource waits before it comes back, ms. */
const RECONNECT_MS = 2_000

export interface EventParts {
  readonly reads: RememberedReads
  readonly recorder: Pick<Recorder, 'subscribe'>
  readonly clock: Clock
  /** Ends live streams when the server closes. */
  readonly closing: AbortSignal
}

function frameOf(event: FleetEvent): string {
  return `id: ${event.sequence}\ndata: ${JSON.stringify(eventView(event))}\n\n`
}

/** Server-sent frames of all events, with a heartbeat in silence. The first frame comes at once, with the headers. */
async function* frames(
  events: AsyncIterator<FleetEvent>,
  clock: Clock,
): AsyncGenerator<string, void, void> {
  yield `retry: ${RECONNECT_MS}\n\n`
  let next = events.next()
  while (true) {
    const beat = Promise.withResolvers<'beat'>()
    using _timer = clock.timer(HEARTBEAT_MS, () => beat.resolve('beat'))
    const result = await Promise.race([next, beat.promise])
    if (result === 'beat') yield ': heartbeat\n\n'
    else if (result.done) return
    else {
      yield frameOf(result.value)
      next = events.next()
    }
  }
}

/** A stream that reads on only when the client does, and ends the source when the client goes. */
function bodyOf(source: AsyncGenerator<string>, onGone: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
      cancel: onGone,
    },
    { highWaterMark: 0 },
  )
}

function sequenceOf(lastEventId: string | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined
  if (!/^\d{1,15}$/.test(lastEventId)) {
    throw new Problem(400, 'Last-Event-ID must be the id of an event of this server')
  }
  return Number(lastEventId)
}

function wantsStream(accept: string | undefined): boolean {
  return accept?.toLowerCase().includes('text/event-stream') ?? false
}

/** `/v1/events`: JSON, or server-sent events that resume behind Last-Event-ID. */
export function makeEvents({ reads, recorder, clock, closing }: EventParts): Hono {
  const app = new Hono()
  app.get('/events', async (c) => {
    const query = readQuery(c, eventsQuery)
    if (!wantsStream(c.req.header('Accept'))) {
      const reading = reads.begin()
      const events = await reading.events(query)
      tellAge(c, reading)
      return c.json({ items: events.map(eventView) })
    }
    const after = sequenceOf(c.req.header('Last-Event-ID')) ?? query.after
    const gone = new AbortController()
    const signal = AbortSignal.any([gone.signal, closing])
    const events = recorder.subscribe({ fleet: query.fleet, after }, signal)
    const body = bodyOf(frames(events[Symbol.asyncIterator](), clock), () => gone.abort())
    return c.body(body, 200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      'X-Accel-Buffering': 'no',
    })
  })
  return app
}
