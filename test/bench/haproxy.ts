import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startOnFreePort } from '../harness/redis-process.ts'

export interface Haproxy extends AsyncDisposable {
  readonly port: number
  readonly pid: number
}

const START_TRIES = 100

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return isOpen
}

/** Starts HAProxy, one thread, as a plain proxy of a port of this machine. It has to be installed. */
export async function startHaproxy(target: number): Promise<Haproxy> {
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-haproxy-'))
  const { port, child } = await startOnFreePort(undefined, async (free): Promise<ChildProcess> => {
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen all
  bind 127.0.0.1:${free}
  server one 127.0.0.1:${target}
`,
    )
    const started = spawn('haproxy', ['-db', '-f', file], { stdio: 'inherit' })
    await once(started, 'spawn')
    for (let n = 0; n < START_TRIES; n++) {
      if (await listens(free)) return started
      await sleep(50)
    }
    started.kill()
    throw new Error('haproxy does not listen')
  })
  return {
    port,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
