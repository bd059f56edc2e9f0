import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { CHANNEL_FD, type Order, type Report } from './preload/messages.ts'

/** A call that changes the world, as its process reported it in the tick of the guard. */
export interface IssuedCall {
  readonly pid: number
  /** `POST /containers/create?name=a`. */
  readonly line: string
  /** Unix ms. */
  readonly at: number
}

export interface ControllerOptions {
  /** Behind `node`. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logFile: string
  readonly onIssued: (call: IssuedCall) => void
}

/** A controller under our preload, from its start to its end. */
export interface ControllerProcess {
  readonly pid: number
  /** Where it listens. */
  readonly url: string
  isRunning(): boolean
  signal(signal: NodeJS.Signals): void
  /** Calls at which it stopped itself, since it was last armed. */
  hits(): readonly string[]
  /** Resolves when it has obeyed. */
  order(order: Order): Promise<void>
  /** Asks it to end and waits; what does not end in time, or is stopped, is killed. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** Long enough for a start beside two others on a slow machine, ms. */
const START_MS = 60_000
/** A process that was asked to end has given up what it held by then, ms. */
const END_MS = 20_000
export const ROOT = join(import.meta.dirname, '..', '..')
/** Of util-linux; replaces itself by the process, so the pid stays. No orphan outlives a killed run. */
const DIES_WITH_US = ['setpriv', '--pdeathsig', 'KILL'] as const

const DONE: Readonly<Record<Order['kind'], Report['kind']>> = { arm: 'armed', step: 'stepped' }

function forEachLine(stream: Readable, tell: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) tell(line)
  })
}

/** Keeps what it says, and resolves with the address once that was said. */
function logTo(file: string, child: ChildProcess): Promise<string> {
  const found = Promise.withResolvers<string>()
  const log = createWriteStream(file, { flags: 'a' })
  const said: string[] = []
  const take = (line: string) => {
    log.write(`${line}\n`)
    if (said.length < 100) said.push(line)
    const url = /"url":"([^"]+)"/.exec(line)?.[1]
    if (url !== undefined) found.resolve(url)
  }
  const fail = (why: string) => found.reject(new Error(`${why}:\n${said.join('\n')}`))
  const timer = setTimeout(() => fail('the replica did not listen in time'), START_MS)
  for (const stream of [child.stdout, child.stderr]) if (stream !== null) forEachLine(stream, take)
  child.once('error', (error) => fail(`the replica could not be started (${error.message})`))
  child.once('close', (code, signal) => {
    log.end(`the process ended with ${code ?? signal}\n`)
    fail(`the replica ended with ${code ?? signal}`)
  })
  return found.promise.finally(() => clearTimeout(timer))
}

/** Starts a controller and waits until it listens. */
export async function startController(options: ControllerOptions): Promise<ControllerProcess> {
  const [command, ...before] = DIES_WITH_US
  const child = spawn(command, [...before, process.execPath, ...options.args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  const pid = child.pid ?? -1
  const channel = child.stdio[CHANNEL_FD] as Duplex
  channel.on('error', () => {})
  let hits: string[] = []
  let hear: (report: Report) => void = () => {}
  forEachLine(channel, (line) => {
    const report = JSON.parse(line) as Report
    if (report.kind === 'issued') options.onIssued({ pid, line: report.line, at: report.at })
    else if (report.kind === 'hit') hits.push(report.line)
    else hear(report)
  })
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const url = await logTo(options.logFile, child)
  return {
    pid,
    url,
    isRunning,
    signal: (signal) => void child.kill(signal),
    hits: () => hits,
    async order(order) {
      const done = Promise.withResolvers<void>()
      hear = (report) => {
        if (report.kind === DONE[order.kind]) done.resolve()
      }
      hits = []
      channel.write(`${JSON.stringify(order)}\n`)
      await done.promise
    },
    async end(signal) {
      if (!isRunning()) return
      const gone = once(child, 'exit')
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
      await gone.finally(() => clearTimeout(timer))
    },
  }
}
