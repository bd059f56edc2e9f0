import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Often enough that what is measured by it is not made of looking, ms. */
const EVERY_MS = 20
const PATIENCE_MS = 60_000

/** Waits until somebody takes connections on a TCP port; tells after how long, ms. */
export async function untilListening(address: string, port: number): Promise<number> {
  const begun = performance.now()
  while (!(await isListening(address, port))) {
    if (performance.now() - begun > PATIENCE_MS)
      throw new Error(`nobody listens on ${address}:${port} after ${PATIENCE_MS / 1000} s`)
    await sleep(EVERY_MS)
  }
  return performance.now() - begun
}

function isListening(address: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host: address, port, timeout: 1_000 })
  const tell = (isSo: boolean) => () => {
    socket.destroy()
    resolve(isSo)
  }
  socket.on('connect', tell(true)).on('error', tell(false)).on('timeout', tell(false))
  return promise
}
