import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import type { Say } from '../setup/root.ts'
import { SetupError } from '../setup/setup-error.ts'
import { demo } from './demo.ts'

/** How many ports after the first are tried. */
const portTries = 10

/** It ends within a few seconds unless something hangs; engines do not mind its being killed. */
const stopGraceMs = 20_000

/** acefleet at work on the demo's spec. */
export interface Server {
  readonly url: string
  readonly pid: number
  /** Resolves when the process has ended, by itself or by `stop`. */
  readonly ended: Promise<void>
  /** Its last log lines. */
  lastWords(): string
  /** Ends it in order; engines go on running. */
  stop(): Promise<void>
}

/** Starts `acefleet run`, as a user would, with its log in a file. */
export async function startServer(say: Say): Promise<Server> {
  const port = await freePort(demo.firstPort)
  if (port !== demo.firstPort) say(`Port ${demo.firstPort} is taken: acefleet listens on ${port}`)
  const listen = `127.0.0.1:${port}`
  const where = ['--spec', demo.spec, '--data', demo.dataDir]
  const who = ['--instance', demo.instance, '--listen', listen]
  say(`Starting: npx acefleet ${['run', ...where, ...who].join(' ')}`)
  const log = openLog()
  const child = spawn(process.execPath, ['src/main.ts', 'run', ...where, ...who], {
    stdio: ['ignore', log, log],
    // In a group of its own: Ctrl-C reaches the quickstart alone, which then ends it once and in order.
    detached: true,
  })
  return serverOf(child, `http://${listen}`)
}

function openLog(): number {
  try {
    mkdirSync(dirname(demo.logFile), { recursive: true })
    return openSync(demo.logFile, 'w')
  } catch (error) {
    const { message } = error as Error
    throw new SetupError(
      `The log of the demo cannot be written: ${message}. Was it made by another user?`,
    )
  }
}

function serverOf(child: ChildProcess, url: string): Server {
  const ended = once(child, 'exit').then(
    () => {},
    () => {},
  )
  return {
    url,
    pid: child.pid ?? 0,
    ended,
    lastWords: () => readFileSync(demo.logFile, 'utf8').trimEnd().split('\n').slice(-12).join('\n'),
    stop: async () => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs)
      await ended
      clearTimeout(timer)
    },
  }
}

async function freePort(first: number): Promise<number> {
  for (let port = first; port < first + portTries; port++) {
    if (await isFree(port)) return port
  }
  throw new SetupError(
    `Ports ${first} to ${first + portTries - 1} of 127.0.0.1 are all taken: free one of them (ss -ltnp shows by whom).`,
  )
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  try {
    probe.listen(port, '127.0.0.1')
    await once(probe, 'listening')
    return true
  } catch {
    return false
  } finally {
    probe.close()
  }
}
