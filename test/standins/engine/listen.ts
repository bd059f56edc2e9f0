import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** Thrown when a port can not be had: taken by another engine in the network namespace, most likely. */
class PortTaken extends Error {
  override readonly name = 'PortTaken'
  readonly code = 'STANDIN_PORT_TAKEN'
}

const everywhere = '0.0.0.0'

/** Opens a TCP port for a server that is there already. @throws {PortTaken} */
export async function listenTcp(
  server: Server,
  what: string,
  port: number,
  host: string,
): Promise<void> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (cause) {
    throw new PortTaken(`cannot listen on ${what} port ${port}/tcp: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** Opens a TCP port that takes a connection and says nothing on it. @throws {PortTaken} */
export async function listenMute(
  what: string,
  port: number,
  host: string,
  onConnection: () => void = () => undefined,
): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end()
    onConnection()
  })
  await listenTcp(server, what, port, host)
}

/** Opens the P2P port, TCP and UDP, on every address. @throws {PortTaken} */
export async function listenP2p(port: number, counters: P2pCounters): Promise<void> {
  await listenMute('P2P', port, everywhere, () => {
    counters.p2pConnections += 1
  })
  const socket = createSocket('udp4', () => {
    counters.p2pDatagrams += 1
  })
  try {
    socket.bind(port, everywhere)
    await once(socket, 'listening')
  } catch (cause) {
    throw new PortTaken(`cannot listen on P2P port ${port}/udp: ${(cause as Error).message}`, {
      cause,
    })
  }
}

export interface P2pCounters {
  p2pConnections: number
  p2pDatagrams: number
}
