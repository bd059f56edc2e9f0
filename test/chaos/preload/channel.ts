import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { CHANNEL_FD, type Order, type Report } from './messages.ts'

/** Before anything else may have put another one in its place. */
const realNow = Date.now.bind(Date)

/** Unix ms of the machine's clock. */
export function machineNow(): number {
  return realNow()
}

/** Tells the harness at once, in this very tick: the process may be stopped in the next. */
export function report(message: Report): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let sent = 0; sent < line.length; ) {
    try {
      sent += writeSync(CHANNEL_FD, line, sent)
    } catch (error) {
      // The harness is busy: it reads on in a moment.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

/** Listens without keeping the process alive; ends it when the harness is gone. */
export function listenToHarness(obey: (order: Order) => void): void {
  const socket = new Socket({ fd: CHANNEL_FD, readable: true, writable: true })
  let rest = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) obey(JSON.parse(line) as Order)
  })
  socket.on('error', () => {})
  socket.on('close', () => process.kill(process.pid, 'SIGKILL'))
  socket.unref()
}
