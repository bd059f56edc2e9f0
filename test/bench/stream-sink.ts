import { connect, type Socket } from 'node:net'
import { makeStreamChecker } from '../harness/check-stream.ts'

/** So many viewers of one URL. */
export interface SinkOrder {
  readonly port: number
  readonly path: string
  readonly viewers: number
  /** So many of them look at every packet. */
  readonly checked: number
}

/** Since the order. */
export interface SinkCount {
  readonly bytes: number
  readonly least: number
  readonly closed: number
  readonly problems: readonly string[]
}

const HEAD_END = Buffer.from('\r\n\r\n')

/** Viewers as cheap as can be: they count. Each message is an order, or asks for the count; `null` ends them. */
function begin({ port, path, viewers, checked }: SinkOrder) {
  const counts = new Array<number>(viewers).fill(0)
  const checkers = Array.from({ length: checked }, () => makeStreamChecker())
  let closed = 0
  const sockets = counts.map((_, n): Socket => {
    const socket = connect(port, '127.0.0.1')
    const checker = checkers[n]
    let isHead = true
    socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`)
    socket.on('data', (chunk: Buffer) => {
      counts[n] = (counts[n] ?? 0) + chunk.length
      if (checker === undefined) return
      const at = isHead ? chunk.indexOf(HEAD_END) + HEAD_END.length : 0
      isHead = false
      checker.push(Buffer.from(chunk.subarray(at)))
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      closed += 1
    })
    return socket
  })
  return {
    count: (): SinkCount => ({
      bytes: counts.reduce((sum, bytes) => sum + bytes, 0),
      least: Math.min(...counts),
      closed,
      problems: checkers.flatMap((checker) => checker.report().problems),
    }),
    end: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

let sink: ReturnType<typeof begin> | undefined
process.on('message', (message: SinkOrder | 'count' | 'end') => {
  if (message === 'end') sink?.end()
  else if (message !== 'count') sink = begin(message)
  process.send?.(sink?.count())
})
process.once('disconnect', () => process.exit())
