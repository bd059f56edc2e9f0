import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'

/** Where nobody listens: what arrives is meant for whoever watches the way. */
const PORT = 47_999
const EVERY_MS = 200

/**
 * Sends datagrams that say who sent them, from the first moment on and whatever its mode, to the namespace's default
 * gateway: as an engine's P2P traffic would, they leave by the default route, and yet never leave the machine. Without a
 * word it is silent.
 */
export function startChatter(word: string | undefined, httpPort: number): void {
  if (!word) return
  const socket = createSocket('udp4')
  socket.on('error', () => undefined)
  const send = () => {
    const gateway = defaultGateway(readFileSync('/proc/net/route', 'utf8'))
    if (gateway === undefined) return
    // What cannot be sent is tried again soon.
    socket.send(`acefleet-chatter ${word} ${httpPort}`, PORT, gateway, () => undefined)
  }
  setInterval(send, EVERY_MS)
  send()
}

/** The default route's gateway by the kernel's table; undefined in a namespace that has none, or lost it. */
export function defaultGateway(table: string): string | undefined {
  for (const line of table.split('\n').slice(1)) {
    const [, destination, gateway = ''] = line.split(/\s+/)
    if (destination !== '00000000' || gateway === '00000000') continue
    // Four bytes in the order of the machine, which is little-endian wherever Node runs.
    return Buffer.from(gateway, 'hex').reverse().join('.')
  }
  return undefined
}
