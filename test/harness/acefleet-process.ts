import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** On a machine that runs three other things. */
const START_MS = 90_000
const LOOK_MS = 100

export interface LaunchOptions {
  /** What follows `acefleet run`, but for `--listen`. */
  readonly flags: readonly string[]
  /** Where it logs; several starts may share a file. */
  readonly logFile: string
  readonly env?: Readonly<Record<string, string>> | undefined
  /** A command that becomes acefleet at its end, as `setpriv …` does. */
  readonly prefix?: readonly string[] | undefined
}

/** One `acefleet run`, as a process of its own. */
export interface AcefleetProcess {
  readonly url: string
  /** As it calls itself among replicas. */
  readonly holder: string
  readonly pid: number
  isRunning(): boolean
  signal(signal: NodeJS.Signals): void
  /** Ends it and waits. */
  end(signal?: NodeJS.Signals): Promise<number | null>
  /** Resolves with the exit code when it ends by itself. */
  ended(): Promise<number | null>
  /** What it has logged, and others before it in the same file. */
  log(): Promise<string>
  get<T>(path: string): Promise<T>
  post(path: string, body?: unknown): Promise<{ status: number; body: unknown }>
}

async function readLog(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '')
}

/** Waits for the line that says where it listens. */
async function listening(child: ChildProcess, logFile: string, from: number) {
  const deadline = Date.now() + START_MS
  while (Date.now() < deadline) {
    const text = (await readLog(logFile)).slice(from)
    const line = text.split('\n').find((each) => each.includes('"msg":"listening"'))
    if (line !== undefined) return JSON.parse(line) as { url: string; holder: string }
    if (child.exitCode !== null)
      throw new Error(`acefleet exited with ${child.exitCode} before it listened:\n${text}`)
    await sleep(LOOK_MS)
  }
  throw new Error(`acefleet did not listen within ${START_MS / 1_000} s`)
}

/** Starts it on a free port; waits until it listens. */
export async function launchAcefleet(options: LaunchOptions): Promise<AcefleetProcess> {
  const { flags, logFile, env = {}, prefix = [] } = options
  const from = (await readLog(logFile)).length
  const fd = openSync(logFile, 'a')
  const [command = '', ...args] = [
    ...[...prefix, process.execPath, '--disable-warning=ExperimentalWarning', 'src/main.ts'],
    ...['run', ...flags, '--listen', '127.0.0.1:0'],
  ]
  const child = spawn(command, args, {
    stdio: ['ignore', fd, fd],
    env: { ...process.env, ACEFLEET_LOG_LEVEL: 'debug', ...env },
  })
  closeSync(fd)
  const isRunning = () => child.exitCode === null && child.signalCode === null

  async function ended(): Promise<number | null> {
    if (!isRunning()) return child.exitCode
    return await new Promise((resolve) => child.once('exit', resolve))
  }

  try {
    const { url, holder } = await listening(child, logFile, from)
    return {
      url,
      holder,
      pid: child.pid ?? -1,
      isRunning,
      signal: (signal) => void child.kill(signal),
      async end(signal = 'SIGTERM') {
        child.kill(signal)
        return await ended()
      },
      ended,
      log: () => readLog(logFile),
      async get<T>(path: string) {
        const answer = await fetch(`${url}${path}`)
        if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`)
        return (await answer.json()) as T
      },
      async post(path, body = {}) {
        const answer = await fetch(`${url}${path}`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(body),
        })
        const text = await answer.text()
        return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
      },
    }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}
