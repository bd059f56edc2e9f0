import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { dirname } from 'node:path'
import { createControlServer } from './control-server.ts'
import { type GluetunSettings, readSettings } from './settings.ts'
import { makeTunnel, type Tunnel } from './tunnel.ts'

function listen(server: Server, port: number, host: string): void {
  server.on('error', (error) => fail(`cannot listen on port ${port}: ${error.message}`))
  server.listen(port, host)
}

function fail(message: string): never {
  console.error(`ERROR ${message}`)
  process.exit(1)
}

/** As Gluetun's own: one port per line, no newline at the end, empty when there is none. */
function writePortFile(path: string, ports: readonly number[]): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, ports.join('\n'))
  console.log(`INFO [port forwarding] ${ports.length === 0 ? 'none' : ports.join(', ')}`)
}

function healthServer(tunnel: Tunnel): Server {
  return createServer((_request, response) => {
    const { healthy } = tunnel.state()
    response.writeHead(healthy ? 200 : 500).end(healthy ? '' : 'the stand-in was told to be ill')
  })
}

function start(settings: GluetunSettings): void {
  const tunnel = makeTunnel(settings, (ports) => writePortFile(settings.portFile, ports))
  listen(createControlServer(settings, tunnel), settings.controlPort, '0.0.0.0')
  listen(healthServer(tunnel), settings.healthPort, '127.0.0.1')
  console.log(`INFO gluetun stand-in v3.41.3, control server on port ${settings.controlPort}`)
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))
try {
  start(readSettings(process.env))
} catch (error) {
  fail((error as Error).message)
}
