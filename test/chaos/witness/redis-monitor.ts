import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type MonitoredCommand, readMonitorLine } from './monitor-line.ts'

/** Hears every command that scripts carry out on one server, through its restarts. */
export interface RedisMonitor extends Disposable {
  /** Resolves when the server that is there now tells us. */
  attached(): Promise<void>
}

/** Between two attempts to reach a server that is away, ms. */
const RETRY_MS = 20

export function monitorRedis(
  port: number,
  hear: (command: MonitoredCommand) => void,
): RedisMonitor {
  let isOver = false
  let socket: Socket | undefined
  let attached = Promise.withResolvers<void>()

  function listen(connection: Socket): void {
    let rest = ''
    connection.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line === '+OK') attached.resolve()
        // Most of what is told are scripts in full; what they did comes behind.
        if (!line.slice(0, 40).includes(' lua] ')) continue
        const command = readMonitorLine(line)
        if (command !== undefined) hear(command)
      }
    })
  }

  async function follow(): Promise<void> {
    while (!isOver) {
      const connection = connect(port, '127.0.0.1')
      socket = connection
      connection.on('error', () => {})
      connection.on('connect', () => connection.write('MONITOR\r\n'))
      listen(connection)
      await once(connection, 'close').catch(() => {})
      attached.promise.catch(() => {})
      attached = Promise.withResolvers()
      if (!isOver) await sleep(RETRY_MS)
    }
  }

  void follow()
  return {
    attached: () => attached.promise,
    [Symbol.dispose]() {
      isOver = true
      socket?.destroy()
    },
  }
}
