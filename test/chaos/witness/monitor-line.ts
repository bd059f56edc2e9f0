/** A command that a Redis server carried out, as its MONITOR tells. */
export interface MonitoredCommand {
  /** Unix ms. */
  readonly at: number
  /** Whether a script did. */
  readonly isScript: boolean
  /** In lower case. */
  readonly name: string
  readonly args: readonly string[]
}

const SHAPE = /^\+(\d+\.\d+) \[\d+ ([^\]]+)\] (.*)$/
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' }

function plain(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

/** Reads one line of MONITOR: `+1339518083.107412 [0 lua] "hset" "key" "field" "value"`. */
export function readMonitorLine(line: string): MonitoredCommand | undefined {
  const [, seconds, source, rest] = SHAPE.exec(line) ?? []
  if (seconds === undefined || rest === undefined) return undefined
  const words = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => plain(text))
  const [name = '', ...args] = words
  return { at: Number(seconds) * 1000, isScript: source === 'lua', name: name.toLowerCase(), args }
}
