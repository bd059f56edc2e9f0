import { type DestinationStream, type LogFn, type Logger as PinoLogger, pino } from 'pino'
import type { Clock } from '../time/clock.ts'
import type { LogLevel } from './log-level.ts'
import { makePrettyLine } from './pretty.ts'
import { REDACTED, SECRET_NAMES, scrub, scrubText } from './scrub.ts'

/** The logger that is passed down; children carry {fleet, epoch, reconcileId}. */
export type Logger = PinoLogger

export interface LogOptions {
  readonly level: LogLevel
  /** One readable line per entry instead of JSON: for a terminal. */
  readonly pretty: boolean
  readonly colour: boolean
  readonly clock: Pick<Clock, 'now'>
  /** A file descriptor, or where a test collects lines. Written to synchronously: a crash loses no line. */
  readonly to: number | { write(text: string): void }
}

function openDestination(to: LogOptions['to']): { write(text: string): unknown } {
  if (typeof to !== 'number') return to
  const stream = pino.destination({ dest: to, sync: true })
  // `acefleet run | head` closes the pipe; a log that nobody reads is no reason to die.
  stream.on('error', () => {})
  return stream
}

/**
 * Makes the process's logger. Secrets are redacted by key at any depth, headers are never printed, and credentials
 * inside URLs are cut from the finished line.
 */
export function makeLogger(options: LogOptions): Logger {
  const destination = openDestination(options.to)
  const prettyLine = options.pretty ? makePrettyLine(options.colour) : undefined
  const stream: DestinationStream = {
    write: (line) => {
      destination.write(prettyLine === undefined ? line : prettyLine(line))
    },
  }
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date(options.clock.now()).toISOString()}"`,
      // The scrubbing formatter below has already made plain objects of errors.
      serializers: { err: (value: unknown) => value },
      // A child's bindings pass no formatter, so they are redacted by path.
      redact: { paths: [...SECRET_NAMES, 'headers'], censor: REDACTED },
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => scrub(fields),
      },
      hooks: {
        logMethod(args, method: LogFn) {
          // `log.error(error)` becomes `{err: error}`, so that one path serialises errors.
          const [first, ...rest] = args as [unknown, ...unknown[]]
          if (first instanceof Error) {
            const message = typeof rest[0] === 'string' ? rest[0] : first.message
            return method.call(this, { err: first }, message)
          }
          return method.apply(this, args)
        },
        streamWrite: scrubText,
      },
    },
    stream,
  )
}
