import { spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { SetupError } from '../setup/setup-error.ts'

/** It ends within a few seconds unless something hangs; engines do not mind its being killed. */
const stopGraceMs = 20_000

/** How many lines of a log are shown when its writer has ended. */
const lastLines = 12

/** How a process ended. */
export interface Ending {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Monotonic ms. */
  readonly atMs: number
}

/** A process of the quickstart's, with its log in a file. */
export interface Child {
  readonly pid: number
  /** Resolves when it has ended, by itself or by `stop`. */
  readonly ended: Promise<Ending>
  hasEnded(): boolean
  /** Its last log lines. */
  lastWords(): string
  /** Ends it in order; after a grace it is killed. */
  stop(): Promise<void>
}

/** Starts a program whose output goes to a file. */
export function launch(command: readonly string[], logFile: string): Child {
  const log = openLog(logFile)
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    stdio: ['ignore', log, log],
    // In a group of its own: Ctrl-C reaches the quickstart alone, which then ends it once and in order.
    detached: true,
  })
  let hasEnded = false
  const ended = new Promise<Ending>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      hasEnded = true
      resolve({ code, signal, atMs: performance.now() })
    }
    child.once('exit', end)
    child.once('error', () => end(1, null))
  })
  return {
    pid: child.pid ?? 0,
    ended,
    hasEnded: () => hasEnded,
    lastWords: () =>
      readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lastLines).join('\n'),
    async stop() {
      child.kill('SIGTERM')
      // A process that is stopped (SIGSTOP) hears of it only when it goes on.
      child.kill('SIGCONT')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs)
      await ended
      clearTimeout(timer)
    },
  }
}

function openLog(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true })
    return openSync(file, 'w')
  } catch (error) {
    const { message } = error as Error
    throw new SetupError(
      `The log of the demo cannot be written: ${message}. Was it made by another user?`,
    )
  }
}
