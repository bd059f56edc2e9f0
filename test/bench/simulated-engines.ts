import { createServer, type RequestListener, type Server } from 'node:http'
import type { Fleet } from '../../src/spec/fleet.ts'
import { forwardedPort, type SimulatedContainer } from './simulated-daemon.ts'

/** Answers every probe. */
const engine: RequestListener = (_, response) =>
  response.end('{"result":{"playlist_loaded":true,"version":{"version":"3.2.3"}}}')

/** Gluetun's control server, as of one that is up and has a port. */
function controlOf(node: string): RequestListener {
  const answers: Readonly<Record<string, object>> = {
    '/v1/vpn/status': { status: 'running' },
    '/v1/publicip/ip': { public_ip: '198.51.100.7' },
    '/v1/portforward': { port: forwardedPort(node) },
  }
  return (request, response) => {
    const body = answers[request.url ?? '']
    response.statusCode = body === undefined ? 404 : 200
    response.end(JSON.stringify(body ?? {}))
  }
}

async function listen(handler: RequestListener, port: number, host: string): Promise<Server> {
  const server = createServer(handler)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return server
}

/** Serves the HTTP ports of all engines and the control servers of their nodes, each at its node's address. */
export async function serveEngines(
  fleet: Fleet,
  containers: readonly SimulatedContainer[],
): Promise<AsyncDisposable> {
  const addresses = new Map(containers.map((each) => [`container:${each.id}`, each.address]))
  const servers: Server[] = []
  for (const { name, address = '' } of fleet.vpn.nodes)
    servers.push(await listen(controlOf(name), 8_000, address))
  for (const { labels, networkMode } of containers) {
    const address = addresses.get(networkMode)
    const port = Number(labels['acestream.http_port'])
    if (address !== undefined) servers.push(await listen(engine, port, address))
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
    },
  }
}
