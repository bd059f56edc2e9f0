import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A process of this repository's own, that says JSON lines on stdout. Killed when disposed. */
export interface Child extends AsyncDisposable {
  readonly pid: number
  /** The next line. Rejects, with what the process said on stderr, when it ends first. */
  next(): Promise<unknown>
  /** All lines until it ends. */
  rest(): Promise<readonly unknown[]>
  /** Sends a signal. */
  signal(name: NodeJS.Signals): void
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>
}

/** Starts `command`; the first word is looked up as a shell would. */
export function startChild(command: readonly [string, ...string[]]): Child {
  const [file, ...args] = command
  const process = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  // A command that cannot be started at all emits an error and no exit.
  const ended = once(process, 'exit').catch(() => {})
  let said = ''
  process.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]()
  const child: Child = {
    pid: process.pid ?? -1,
    async next() {
      const line = await lines.next()
      if (line.done) throw new Error(`${command.join(' ')} ended early: ${said}`)
      return JSON.parse(line.value)
    },
    async rest() {
      const all: unknown[] = []
      for (let line = await lines.next(); !line.done; line = await lines.next()) {
        all.push(JSON.parse(line.value))
      }
      return all
    },
    signal: (name) => {
      process.kill(name)
    },
    async kill() {
      process.kill('SIGKILL')
      await ended
    },
    [Symbol.asyncDispose]: () => child.kill(),
  }
  return child
}

/** The command line of a TypeScript file beside this one. */
export function script(name: string, ...args: readonly string[]): [string, ...string[]] {
  return [process.execPath, new URL(`child/${name}`, import.meta.url).pathname, ...args]
}
