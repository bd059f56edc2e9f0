import type Dockerode from 'dockerode'
import type { Clock } from '../time/clock.ts'
import type { Connection } from './connection.ts'
import { DockerError } from './errors.ts'
import { makeLineSplitter } from './lines.ts'
import { parseEvent } from './parse.ts'
import { ping } from './ping.ts'
import type { DockerEvent } from './port.ts'
import type { Wire } from './wire.ts'

/** The actions that change what a list or an inspect shows. Exec noise, kills and resizes wake nobody. */
const ACTIONS = [
  'create',
  'start',
  'restart',
  'die',
  'stop',
  'oom',
  'destroy',
  'rename',
  'pause',
  'unpause',
  'health_status',
]

/** A stream this long without a byte is checked by a ping, ms. A quiet daemon sends nothing at all. */
const QUIET_MS = 60_000

/** Bounds of the wait before a broken stream is opened again, ms. */
const RECONNECT_MIN_MS = 100
const RECONNECT_MAX_MS = 5_000

/** A stream that lived this long was a good one: the next break starts with the short wait again, ms. */
const STEADY_MS = 5_000

export interface EventOptions {
  /** In [0, 1). */
  readonly random: () => number
  /** Told of every break, for a log; the loop goes on by itself. */
  readonly onBreak: (error: DockerError) => void
}

/** Container events for ever; ends without an error when the signal is aborted. */
export async function* readEvents(
  wire: Wire,
  { random, onBreak }: EventOptions,
  signal: AbortSignal,
): AsyncGenerator<DockerEvent | 'connected', void, void> {
  let since: number | undefined
  let failures = 0
  while (!signal.aborted) {
    let openedAt = Infinity
    try {
      using connection = await open(wire, since, signal)
      openedAt = wire.clock.monotonic()
      yield 'connected'
      for await (const event of parseStream(wire, connection, signal)) {
        since = event.at
        yield event
      }
    } catch (error) {
      if (signal.aborted) return
      onBreak(asDockerError(error))
    }
    failures = wire.clock.monotonic() - openedAt >= STEADY_MS ? 0 : failures + 1
    await pause(wire.clock, failures, random, signal)
  }
}

/** One second back, for `since` counts whole seconds: rather twice than never. */
function open(wire: Wire, since: number | undefined, signal: AbortSignal): Promise<Connection> {
  return wire.open({
    verb: 'events',
    target: '',
    signal,
    dial: (client, abortSignal, done) => {
      const options: Dockerode.GetEventsOptions = {
        filters: { type: ['container'], event: ACTIONS },
        abortSignal,
      }
      if (since !== undefined) options.since = Math.floor(since / 1000) - 1
      client.getEvents(options, done)
    },
  })
}

/** Ends by an error always, be it only that the daemon closed the stream. */
async function* parseStream(
  wire: Wire,
  connection: Connection,
  signal: AbortSignal,
): AsyncGenerator<DockerEvent, never, void> {
  const splitter = makeLineSplitter()
  for (;;) {
    const chunk = await connection.read(QUIET_MS)
    if (chunk === 'end') throw new DockerError('docker events: the daemon ended the stream')
    if (chunk === 'idle') await ping(wire, signal)
    else for (const line of splitter.push(chunk)) if (line.trim() !== '') yield parseEvent(line)
  }
}

async function pause(
  clock: Clock,
  failures: number,
  random: () => number,
  signal: AbortSignal,
): Promise<void> {
  const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** failures)
  const ms = RECONNECT_MIN_MS + random() * (ceiling - RECONNECT_MIN_MS)
  // Only the signal ends the sleep early, and the loop looks at it next.
  await clock.sleep(ms, signal).catch(() => {})
}

function asDockerError(error: unknown): DockerError {
  if (error instanceof DockerError) return error
  return new DockerError('docker events: the stream broke', { cause: error })
}
