import { prettyFactory } from 'pino-pretty'

/** Fields with a place of their own in the line. */
const PLACED = new Set([
  'level',
  'time',
  'msg',
  'fleet',
  'slot',
  'vpn',
  'reason',
  'err',
  // For joining lines by machine; a person follows fleet and slot.
  'epoch',
  'reconcileId',
  'containerId',
])

interface PlainError {
  readonly message?: string
  readonly stack?: string
  readonly cause?: PlainError
}

interface ErrorText {
  readonly text: string
  /** Only unexpected errors carry a stack, and those are worth more than one line. */
  readonly trace: string
}

function errorText(err: unknown, message: string): ErrorText {
  if (typeof err !== 'object' || err === null) return { text: '', trace: '' }
  const parts: string[] = []
  let stack = ''
  for (let at: PlainError | undefined = err; at !== undefined; at = at.cause) {
    if (at.message !== undefined && !message.includes(at.message)) parts.push(at.message)
    stack ||= at.stack ?? ''
  }
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '))
  return {
    text: parts.map((part) => `: ${part}`).join(''),
    trace: frames.map((frame) => `\n${frame}`).join(''),
  }
}

function placeText(log: Record<string, unknown>): string {
  const { fleet, slot, vpn } = log
  const name = [fleet, slot].filter((part) => part !== undefined).join('.')
  return [name, vpn === undefined ? '' : `@${String(vpn)}`].filter((part) => part !== '').join(' ')
}

function restText(log: Record<string, unknown>): string {
  return Object.entries(log)
    .filter(([key]) => !PLACED.has(key))
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('')
}

/** Makes the function that turns one JSON log line into one readable line: time, level, where, what, reason. */
export function makePrettyLine(colour: boolean): (line: string) => string {
  const pretty = prettyFactory({
    colorize: colour,
    translateTime: 'SYS:HH:MM:ss.l',
    hideObject: true,
    messageFormat: (log, messageKey, _level, { colors }) => {
      const message = String(log[messageKey] ?? '')
      const place = placeText(log)
      const reason = log.reason === undefined ? '' : ` (${String(log.reason)})`
      const { text, trace } = errorText(log.err, message)
      return [
        place === '' ? '' : `${colors.bold(place)}  `,
        message,
        text,
        colors.dim(reason),
        colors.dim(restText(log)),
        trace,
      ].join('')
    },
  })
  return (line) => pretty(line)
}
