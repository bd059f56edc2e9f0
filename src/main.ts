#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import type { Output } from './cli/io.ts'
import { runCli } from './cli/program.ts'
import { systemClock } from './time/clock.ts'

function outputTo(stream: NodeJS.WriteStream): Output {
  // `acefleet get engines | head` closes the pipe; that is the reader's right.
  stream.on('error', () => {})
  return { write: (text) => stream.write(text), isTerminal: stream.isTTY === true }
}

/** Aborted by the first signal; a second one ends the process at once, whatever hangs. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  const onSignal = (_: NodeJS.Signals, number: number) => {
    if (controller.signal.aborted) process.exit(128 + number)
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return controller.signal
}

/**
 * A server lives for weeks on some 30 MiB of live objects, but V8 lets the garbage of its passes grow to several times
 * that before it looks. This has it collect earlier, for a little CPU (docs/benchmarks.md).
 */
function keepHeapSmall(): void {
  setFlagsFromString('--optimize-for-size')
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** What still runs so long after the end is not waited for, ms: a call that never comes back must not keep a process alive. */
const LINGER_MS = 5_000

process.exitCode = await runCli(process.argv.slice(2), {
  io: {
    out: outputTo(process.stdout),
    err: outputTo(process.stderr),
    signal: interruption(),
  },
  clock: systemClock,
  env: process.env,
  hostname: hostname(),
  home: homedir(),
  version: version(),
  // Loaded where they are used: `get` and `--help` start in a fraction of the time.
  runServer: async (options, io) => {
    keepHeapSmall()
    return (await import('./app.ts')).runServer(options, { ...io, version: version() })
  },
  planOnce: async (options, signal) => (await import('./app.ts')).planOnce(options, signal),
  connectDocker: async ({ dockerHost, dockerEnv }) => {
    const { connectDocker } = await import('./docker/dockerode.ts')
    const home = dockerEnv.HOME ?? '/'
    return connectDocker({ url: dockerHost, env: dockerEnv, home, clock: systemClock })
  },
})
setTimeout(() => process.exit(), LINGER_MS).unref()
