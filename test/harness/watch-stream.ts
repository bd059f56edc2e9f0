import type { IncomingMessage } from 'node:http'
import { type CheckOptions, makeStreamChecker, type StreamReport } from './check-stream.ts'
import { openStream } from './engine-in-process.ts'

/** A viewer that looks at every packet as long as there are any. */
export interface Watcher extends AsyncDisposable {
  readonly response: IncomingMessage
  /** What there was up to now. */
  report(): StreamReport
  /** How the stream ends: `end`, or the error's code. */
  readonly ended: Promise<string>
}

/** Reads a stream of the engine stand-in, wherever it comes from, and never pauses. */
export async function watchStream(url: string, options: CheckOptions = {}): Promise<Watcher> {
  const response = await openStream(url)
  const checker = makeStreamChecker(options)
  const ended = new Promise<string>((resolve) => {
    response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    response.on('end', () => resolve('end'))
  })
  response.on('data', checker.push)
  return {
    response,
    report: checker.report,
    ended,
    [Symbol.asyncDispose]: async () => {
      response.destroy()
    },
  }
}
