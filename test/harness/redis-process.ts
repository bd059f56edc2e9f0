import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Where all of them listen. */
export const HOST = '127.0.0.1'

/** On a busy machine a start takes hundreds of ms. */
const START_TIMEOUT_MS = 30_000
const IS_READY = /Ready to accept connections|\+monitor master/
const PORT_ATTEMPTS = 5
/** Of util-linux; replaces itself by the server, so the pid stays. */
const DIES_WITH_US = 'setpriv'

/** Somebody else may take a port between our look and the server's: then another one is tried. */
export async function startOnFreePort(
  wanted: number | undefined,
  start: (port: number) => Promise<ChildProcess>,
): Promise<{ port: number; child: ChildProcess }> {
  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await freePort())
    try {
      return { port, child: await start(port) }
    } catch (error) {
      if (wanted !== undefined || attempt === PORT_ATTEMPTS) throw error
    }
  }
}

/** A TCP port on which nobody listens at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no TCP port was given')
  return address.port
}

/** Starts redis-server and waits until it says that it is ready. The kernel kills it when this process ends, be it by SIGKILL. */
export async function startProcess(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(DIES_WITH_US, ['--pdeathsig', 'KILL', 'redis-server', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const failed = (why: string) => reject(new Error(`redis-server ${why}:\n${said}`))
  const timer = setTimeout(() => failed('did not start in time'), START_TIMEOUT_MS)
  child.once('error', (error) => failed(`could not be started (${error.message})`))
  child.once('exit', () => failed('ended'))
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    if (IS_READY.test(said)) return
    said += chunk
    if (IS_READY.test(said)) resolve()
  })
  try {
    await promise
    return child
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** Kills it also while it is stopped; resolves when it is gone. Idempotent. */
export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
