import type { IncomingMessage } from 'node:http'

/** Nothing that a stand-in takes is longer. */
const limitBytes = 64 * 1024

/** Thrown when a request's body is too long or is not JSON. */
export class BadBody extends Error {
  override readonly name = 'BadBody'
  readonly code = 'STANDIN_BAD_BODY'
}

/** Reads a request's body as JSON. @throws {BadBody} */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limitBytes) throw new BadBody(`the body is longer than ${limitBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch (cause) {
    throw new BadBody('the body is not JSON', { cause })
  }
}
