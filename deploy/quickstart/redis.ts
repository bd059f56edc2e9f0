import { mkdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProgram, type Say } from '../setup/root.ts'
import { SetupError } from '../setup/setup-error.ts'
import { type Child, launch } from './child.ts'
import { demo } from './demo.ts'

/** On a busy machine a start takes hundreds of ms. */
const startTimeoutMs = 20_000

/** A Redis of the demo's own, on loopback alone and without persistence. */
export function launchRedis(port: number): Child {
  const program = findProgram('redis-server')
  if (program === undefined) {
    throw new SetupError('redis-server is installed, but it is in no folder of PATH.')
  }
  mkdirSync(demo.redisDir, { recursive: true })
  const where = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', resolve(demo.redisDir)]
  const keeps = ['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction']
  // Its command line stays as it was given, so that a later run knows it.
  return launch([program, ...where, ...keeps, '--set-proc-title', 'no'], demo.redisLog)
}

/** Starts it and waits until it takes connections. */
export async function startRedis(port: number, say: Say): Promise<Child> {
  say(`Starting a Redis of its own on 127.0.0.1:${port}, which keeps nothing`)
  rmSync(demo.redisDir, { recursive: true, force: true })
  const child = launchRedis(port)
  const deadline = Date.now() + startTimeoutMs
  while (!(await takesConnections(port))) {
    if (child.hasEnded() || Date.now() > deadline) {
      await child.stop()
      throw new SetupError(`Redis did not start. Its last words:\n${child.lastWords()}`)
    }
    await sleep(100)
  }
  return child
}

function takesConnections(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, '127.0.0.1')
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
