import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { DockerError } from '../docker/errors.ts'
import { StoreUnavailable } from '../store/errors.ts'

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Body too large',
  415: 'Unsupported media type',
  500: 'Internal error',
  503: 'Unavailable',
}

/** The statuses that this API answers errors with. */
export type ProblemStatus = ContentfulStatusCode &
  (400 | 403 | 404 | 405 | 409 | 413 | 415 | 500 | 503)

/** Thrown when a request cannot be served; becomes an RFC 9457 problem document with the same words. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code = 'ACE_API_PROBLEM'
  readonly status: ProblemStatus
  /** More members of the document, for programs. */
  readonly extra: Readonly<Record<string, unknown>>
  constructor(
    status: ProblemStatus,
    detail: string,
    options: { cause?: unknown; extra?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(detail, { cause: options.cause })
    this.status = status
    this.extra = options.extra ?? {}
  }
}

/** Why the store does not answer, to go behind words that say that it does not. */
export function storeReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replace(/^store unavailable: /, '')
}

/** The problem that any thrown value means; undefined when it is a bug of ours, to be logged. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error
  if (error instanceof StoreUnavailable) {
    return new Problem(503, `the store does not answer: ${storeReason(error)}`, { cause: error })
  }
  if (error instanceof DockerError) {
    return new Problem(503, `Docker does not answer: ${error.message}`, { cause: error })
  }
  return undefined
}

/** The `application/problem+json` answer. */
export function problemResponse(problem: Problem, headers: Record<string, string> = {}): Response {
  const body = {
    type: 'about:blank',
    title: TITLES[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.message,
    ...problem.extra,
  }
  return Response.json(body, {
    status: problem.status,
    headers: {
      'Content-Type': 'application/problem+json',
      ...(problem.status === 503 ? { 'Retry-After': '2' } : {}),
      ...headers,
    },
  })
}

/** A 404 that says what there is instead. */
export function unknownName(kind: string, name: string, known: readonly string[]): Problem {
  const there = known.length === 0 ? `there are no ${kind}s` : `there are: ${known.join(', ')}`
  return new Problem(404, `no ${kind} is named "${name}"; ${there}`, { extra: { known } })
}
