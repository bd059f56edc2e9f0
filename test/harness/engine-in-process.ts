import { get, type IncomingMessage } from 'node:http'
import { readSettings } from '../standins/engine/settings.ts'
import { startStandIn } from '../standins/engine/stand-in.ts'
import type { Traits } from '../standins/engine/traits.ts'
import { type EngineStandIn, engineAt } from './standins.ts'

/** The engine stand-in's HTTP port in this process, at a port of the machine's choice. */
export interface InProcessEngine extends EngineStandIn, AsyncDisposable {
  readonly url: string
  /** Codes with which its process would have ended. */
  readonly endings: readonly number[]
  /** An answer that is a JSON object. */
  json(path: string): Promise<Readonly<Record<string, unknown>>>
}

/** Starts one with these traits for all contents; what else there is to set goes by environment. */
export async function engineInProcess(
  traits: Partial<Traits> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<InProcessEngine> {
  const settings = readSettings({ STANDIN_TRAITS: JSON.stringify(traits), ...env }, [])
  const endings: number[] = []
  const standIn = await startStandIn(
    { ...settings, ports: { ...settings.ports, http: 0 } },
    { exit: (code) => endings.push(code), log: () => undefined },
  )
  const engine = engineAt('127.0.0.1', standIn.port)
  return {
    ...engine,
    json: async (path) => JSON.parse((await engine.get(path)).body),
    url: `http://127.0.0.1:${standIn.port}`,
    endings,
    [Symbol.asyncDispose]: () => standIn[Symbol.asyncDispose](),
  }
}

/** Follows an engine's redirects to the answer that is none. Rejects when there is no good HTTP on the way. */
export async function openStream(url: string): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent: false }, resolve).on('error', reject)
  })
  const { location } = response.headers
  if (response.statusCode !== 302 || location === undefined) return response
  response.resume()
  return openStream(new URL(location, url).href)
}

/** The stream's next bytes, at least so many; what comes later waits. Rejects when it ends before. */
export async function readBytes(response: IncomingMessage, least: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    const stop = () => {
      response.pause()
      response.off('data', take).off('close', fail).off('error', fail)
    }
    const fail = (cause?: unknown) =>
      reject(new Error(`the stream ended after ${length} bytes`, { cause }))
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length < least) return
      stop()
      resolve(Buffer.concat(chunks))
    }
    response.on('data', take).on('close', fail).on('error', fail)
    response.resume()
  })
}
