import { STORE_AGE_HEADER } from '../api/store-age.ts'
import { printAge } from './age.ts'
import { CommandFailed } from './command-failed.ts'

/** For one answer, ms: a plan observes and probes before it answers. */
const TIMEOUT_MS = 35_000

/** Thrown when no acefleet server answers at the URL. */
class ServerUnreachable extends CommandFailed {}

/** Thrown when the server refuses; the message is the server's own. */
export class ServerRefused extends CommandFailed {
  readonly status: number
  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }
}

/** Query parameters; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>

/** A running server, asked over HTTP. */
export interface ServerClient {
  readonly url: string
  /** @throws {ServerUnreachable | ServerRefused} */
  get<Answer>(path: string, query?: Query): Promise<Answer>
  /** @throws {ServerUnreachable | ServerRefused} */
  post<Answer>(path: string, query?: Query): Promise<Answer>
}

/** Completes `host:port` to a URL. @throws {CommandFailed} */
export function parseServerUrl(text: string): string {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CommandFailed(
      `"${text}" is no server address: give http://HOST:PORT with --server or ACEFLEET_SERVER`,
    )
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1_000} s`
  const { cause } = error
  if (cause instanceof AggregateError) return whyOf(cause.errors[0])
  return cause instanceof Error ? cause.message : error.message
}

function unreachable(url: string, error: unknown): ServerUnreachable {
  return new ServerUnreachable(
    `no acefleet server answers at ${url} (${whyOf(error)}).\n` +
      'Start one with: acefleet run --spec specs\n' +
      'or name another with --server http://HOST:PORT or ACEFLEET_SERVER.',
    { cause: error },
  )
}

function urlOf(base: string, path: string, query: Query): string {
  const parameters = Object.entries(query).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, String(value)]],
  )
  const text = new URLSearchParams(parameters).toString()
  return text === '' ? `${base}${path}` : `${base}${path}?${text}`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a refusal says: a problem's detail, or why a server is not ready. */
function detailOf(body: object, status: number): string {
  if ('detail' in body) return String(body.detail)
  if ('reasons' in body && Array.isArray(body.reasons)) return body.reasons.join('; ')
  return `HTTP ${status}`
}

/** Tells once that answers are old, until they are not any more. */
function makeAgeNotice(warn: (text: string) => void) {
  let isOld = false
  return (age: string | null): void => {
    if (age !== null && !isOld)
      warn(
        `the server's store does not answer: this is what it said ${printAge(Number(age) * 1_000)} ago`,
      )
    isOld = age !== null
  }
}

/** Makes a client of the server at the URL. Calls end when the signal does. `warn` is told what the answers do not say. */
export function makeServerClient(
  url: string,
  signal: AbortSignal,
  warn: (text: string) => void = () => {},
): ServerClient {
  const noticeAge = makeAgeNotice(warn)
  async function ask<Answer>(method: 'GET' | 'POST', path: string, query: Query): Promise<Answer> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json' }
    let response: Response
    let text: string
    try {
      response = await fetch(urlOf(url, path, query), { method, headers, signal: limited })
      text = await response.text()
    } catch (error) {
      throw unreachable(url, error)
    }
    const body = parseJson(text)
    if (typeof body !== 'object' || body === null) {
      throw new ServerUnreachable(
        `what answers at ${url} is no acefleet server (HTTP ${response.status}): check --server or ACEFLEET_SERVER`,
      )
    }
    if (!response.ok) throw new ServerRefused(response.status, detailOf(body, response.status))
    noticeAge(response.headers.get(STORE_AGE_HEADER))
    return body as Answer
  }
  return {
    url,
    get: (path, query = {}) => ask('GET', path, query),
    post: (path, query = {}) => ask('POST', path, query),
  }
}
