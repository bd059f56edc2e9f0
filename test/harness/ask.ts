import { type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Question {
  readonly method?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Sent as JSON. */
  readonly body?: unknown
  readonly timeoutMs?: number | undefined
}

/**
 * One HTTP request on a connection of its own, redirects not followed. Each is bounded in time, and none can meet a
 * pooled connection into a network namespace that is gone.
 */
export async function ask(url: string, question: Question = {}): Promise<Answer> {
  const signal = AbortSignal.timeout(question.timeoutMs ?? 10_000)
  const body = question.body === undefined ? undefined : JSON.stringify(question.body)
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: question.method ?? 'GET',
      agent: false,
      signal,
      headers: {
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        ...question.headers,
      },
    })
    sent.on('error', (error) =>
      reject(new Error(`${question.method ?? 'GET'} ${url} failed`, { cause: error })),
    )
    sent.on('response', (response) => {
      text(response).then(
        (content) =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: content }),
        reject,
      )
    })
    sent.end(body)
  })
}
