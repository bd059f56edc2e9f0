import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { createControlServer, createOwnServer, generationOf } from './control-server.ts'
import { createHealthServer } from './health-server.ts'
import { type Role, readRoles } from './roles.ts'
import type { GluetunSettings } from './settings.ts'
import { makeTunnel, type Tunnel } from './tunnel.ts'

/** A Gluetun stand-in that runs in this process. */
export interface StandIn extends AsyncDisposable {
  readonly tunnel: Tunnel
  /** Where they listen, for settings that leave the choice (0) to the machine. */
  readonly controlPort: number
  readonly ownPort: number
  readonly healthPort: number
}

export interface StandInParts {
  /** Ends the container. */
  readonly exit: (why: string) => void
  readonly log: (line: string) => void
}

/** Starts all of it. Rejects, as Gluetun ends, over a bad role file or a port that is taken. */
export async function startStandIn(
  settings: GluetunSettings,
  { exit, log }: StandInParts,
): Promise<StandIn> {
  const roles = readRoleFile(settings.roleFile)
  await using started = new AsyncDisposableStack()
  const tunnel = makeTunnel(settings, (ports) => {
    writePortFile(settings.portFile, ports)
    log(`INFO [port forwarding] ${ports.length === 0 ? 'none' : ports.join(', ')}`)
  })
  started.defer(() => tunnel.close())
  const follow = async () => {
    const isClosed = tunnel.state().control === 'refuse'
    if (isClosed && control.listening) control.close()
    if (!isClosed && !control.listening) await listen(control, controlPort, '0.0.0.0')
  }
  const parts = { settings, roles, tunnel, exit, onTold: follow }
  generationOf(tunnel.state().release, parts)
  const control = createControlServer(parts)
  const own = createOwnServer(parts)
  const health = createHealthServer(tunnel)
  for (const server of [control, own, health]) started.defer(() => end(server))

  const controlPort = await listen(control, settings.controlPort, '0.0.0.0')
  const ownPort = await listen(own, settings.ownPort, '0.0.0.0')
  const healthPort = await listen(health, settings.healthPort, '127.0.0.1')
  await follow()
  const running = started.move()
  return {
    tunnel,
    controlPort,
    ownPort,
    healthPort,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Resolves with the port. */
async function listen(server: Server, port: number, host: string): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new Error(`cannot listen on port ${port}: ${(cause as Error).message}`, { cause })
  }
  return (server.address() as AddressInfo).port
}

async function end(server: Server): Promise<void> {
  server.closeAllConnections()
  if (server.listening) await new Promise((resolve) => server.close(resolve))
}

/** Gluetun starts without one. */
function readRoleFile(path: string): readonly Role[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  try {
    return readRoles(text)
  } catch (cause) {
    throw new Error(`toml decoding file ${path}: ${(cause as Error).message}`, { cause })
  }
}

/** As Gluetun's own: one port per line, no newline at the end, empty when there is none. */
function writePortFile(path: string, ports: readonly number[]): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, ports.join('\n'))
}
