import { z } from 'zod'
import { DURATION, DURATION_OR_NEVER, PORT_RANGE, parseDuration } from './quantity.ts'
import { wrong } from './wrong.ts'

/** A week: beyond it a wait is a mistake, and timers overflow at 24.8 days. */
const LONGEST_MS = 7 * 24 * 3_600_000
/** Docker 20.10 refuses less. */
export const LEAST_MEMORY_BYTES = 6 * 2 ** 20

// No schema here transforms: what the YAML says and what the JSON Schema describes stay one thing.

export function text(expected: string, pattern: RegExp, longest = 255) {
  const error = wrong(expected)
  return z.string({ error }).regex(pattern, { error }).max(longest, { error })
}

export function duration(
  description: string,
  bounds: { leastMs?: number; orNever?: boolean; example?: string } = {},
) {
  const { leastMs = 0, orNever = false, example = '5s' } = bounds
  const least = leastMs > 0 ? `, at least ${leastMs} ms` : ''
  const error = wrong(
    `a duration such as ${example}, 500ms or 1m30s${orNever ? ', or never' : ''}${least}, at most 168h`,
  )
  const isInBounds = (value: string) =>
    value === 'never' || (parseDuration(value) >= leastMs && parseDuration(value) <= LONGEST_MS)
  return z
    .string({ error })
    .regex(orNever ? DURATION_OR_NEVER : DURATION, { error, abort: true })
    .refine(isInBounds, { error })
    .describe(description)
}

export function whole(expected: string, least: number, most: number) {
  const error = wrong(`a whole number from ${least} to ${most}${expected}`)
  return z.int({ error }).min(least, { error }).max(most, { error })
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: wrong(`one of ${values.join(', ')}`) })
}

export function flag() {
  return z.boolean({ error: wrong('true or false') })
}

export function list<T extends z.ZodType>(item: T, most: number, what: string) {
  const error = wrong(`a list of at most ${most} ${what}`)
  return z.array(item, { error }).max(most, { error })
}

export function section<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, { error: wrong(`a section with ${Object.keys(shape).join(', ')}`) })
}

/** A range in order and within 1 … 65535. */
export function portRange(description: string) {
  const error = wrong('two ports from 1 to 65535, the lower one first, such as 19000-19499')
  const isRange = (value: string) => {
    const [first = 0, last = 0] = value.split('-').map(Number)
    return first >= 1 && first <= last && last <= 65_535
  }
  return z
    .string({ error })
    .regex(PORT_RANGE, { error, abort: true })
    .refine(isRange, { error })
    .describe(description)
}

export const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/
/** Docker takes no other network names; `host` and `none` could not publish a port, `container:` is what vpn is for. */
export const NETWORK_NAME = /^(?!(?:host|none)$)[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
export const IMAGE =
  /^[a-z0-9][\w.-]*(?::\d{1,5})?(?:\/[a-z0-9][\w.-]*)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/
export const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
export const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
export const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get into an argument.
export const PLAIN = /^[^\u0000-\u001f\u007f]*$/
const PATH = /^[^\0]+$/
export const TEXT = /^[^\0]*$/

export const file = (description: string) =>
  text('the path of a file', PATH, 4096).describe(description)

export function controlUrl() {
  const error = wrong(
    'an http:// or https:// address such as http://gluetun-a:8000, without path, user or query',
  )
  const isControlUrl = (value: string) => {
    const url = URL.canParse(value) ? new URL(value) : undefined
    return (
      url !== undefined &&
      /^https?:$/.test(url.protocol) &&
      url.hostname !== '' &&
      `${url.username}${url.password}${url.search}${url.hash}` === '' &&
      url.pathname === '/'
    )
  }
  return z.string({ error }).refine(isControlUrl, { error })
}
