import { createServer, type Server } from 'node:http'
import type { Tunnel } from './tunnel.ts'

/**
 * What Docker's health check asks, on loopback only. Engine stand-ins in the same network namespace ask it
 * `GET /tunnel`: whether packets pass, for their own `get_network_connection_status`.
 */
export function createHealthServer(tunnel: Tunnel): Server {
  return createServer((request, response) => {
    const { healthy, carries } = tunnel.state()
    if (request.url === '/tunnel') {
      response.writeHead(carries ? 200 : 503, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify({ up: carries }))
    } else response.writeHead(healthy ? 200 : 500).end(healthy ? '' : 'the tunnel does not answer')
  })
}
