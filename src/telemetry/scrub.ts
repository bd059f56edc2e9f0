/** Keys whose values never reach a log, in any case and with or without dashes and underscores. */
export const SECRET_NAMES: readonly string[] = [
  'authorization',
  'proxyAuthorization',
  'cookie',
  'setCookie',
  'apiKey',
  'xApiKey',
  'password',
  'passwd',
  'passphrase',
  'secret',
  'token',
  'accessToken',
  'privateKey',
]

const SECRETS = new Set(SECRET_NAMES.map(bareName))

function bareName(key: string): string {
  return key.toLowerCase().replaceAll(/[-_]/g, '')
}

const HEADERS_KEY = /^(?:raw)?headers$/i

/** Deep enough for an error's cause chain; deeper objects do not belong in a log line. */
const MAX_DEPTH = 6

export const REDACTED = '[redacted]'

/** What a log line says of an error: our own (`ACE_…`) explain themselves, a stack is kept of the unexpected ones. */
function plainError(error: Error, depth: number): Record<string, unknown> {
  const { code, status } = error as { code?: unknown; status?: unknown }
  const isOurs = typeof code === 'string' && code.startsWith('ACE_')
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(isOurs || error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined ? {} : { cause: scrubValue(error.cause, depth + 1) }),
    ...(error instanceof AggregateError
      ? { errors: error.errors.map((each) => scrubValue(each, depth + 1)) }
      : {}),
  }
}

function scrubValue(value: unknown, depth: number): unknown {
  if (value instanceof Error) return depth > MAX_DEPTH ? value.message : plainError(value, depth)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return '[deep]'
  if (value instanceof Date) return value
  if (Array.isArray(value)) return value.map((each) => scrubValue(each, depth + 1))
  if (value instanceof Map) return scrubValue(Object.fromEntries(value), depth)
  if (value instanceof Set) return scrubValue([...value], depth)
  return scrub(value, depth)
}

/** A copy of an object in which secrets are redacted by key at any depth, headers dropped and errors made plain. */
export function scrub(fields: object, depth = 0): Record<string, unknown> {
  const clean: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (HEADERS_KEY.test(key)) continue
    clean[key] =
      SECRETS.has(bareName(key)) && value !== undefined ? REDACTED : scrubValue(value, depth + 1)
  }
  return clean
}

/** Cuts credentials out of URLs in a finished line: `//user:password@` and `?api_key=…`. */
export function scrubText(text: string): string {
  return text
    .replace(/:\/\/[^\s/"'@]*:[^\s/"'@]*@/g, `://${REDACTED}@`)
    .replace(/([?&](?:api_?key|password|token|secret)=)[^&\s"']+/gi, `$1${REDACTED}`)
}
