import { get, type IncomingMessage } from 'node:http'

/** A GET whose body is left to the caller; no redirect is followed. Undefined when aborted before there is an answer. */
export function open(url: string, signal: AbortSignal): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal }, (response) => {
      response.on('error', () => {})
      resolve(response)
    })
    request.on('error', () => resolve(undefined))
  })
}
