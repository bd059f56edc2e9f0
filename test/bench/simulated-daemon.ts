import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { ContainerId } from '../../src/docker/port.ts'
import { engineLabels } from '../../src/engine/labels.ts'
import { containerName, forwardedSlot } from '../../src/engine/place.ts'
import { enginePorts } from '../../src/engine/ports.ts'
import { engineTemplate } from '../../src/engine/template.ts'
import type { Epoch } from '../../src/lease/lease.ts'
import { generationOf } from '../../src/observe/observation.ts'
import type { Fleet } from '../../src/spec/fleet.ts'

/** A container that runs and goes on running. */
export interface SimulatedContainer {
  readonly id: ContainerId
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly networkMode: string
  readonly address: string
}

/** Every simulated container started then, an hour ago: nothing about them is young. */
const STARTED_AT = new Date(Math.floor(Date.now() / 1000) * 1000 - 3_600_000)
const STARTED_AT_TEXT = STARTED_AT.toISOString().replace('Z', '000001Z')

function id(number: number): ContainerId {
  return `${number.toString(16).padStart(12, '0')}${'c0ffee'.repeat(9).slice(0, 52)}` as ContainerId
}

/** The containers of a fleet that is what its spec says: its VPN nodes and, balanced over them, its engines. */
export function settledContainers(fleet: Fleet, instance: string): readonly SimulatedContainer[] {
  const { specHash } = engineTemplate(fleet)
  const nodes = fleet.vpn.nodes.map((node, number) => ({
    id: id(number),
    name: node.name,
    image: 'gluetun',
    labels: {},
    networkMode: 'bridge',
    address: node.address ?? '',
    ports: node.ports,
    generation: generationOf(id(number), STARTED_AT_TEXT),
  }))
  const slots = [forwardedSlot(), ...Array.from({ length: fleet.replicas - 1 }, (_, i) => `${i}`)]
  const engines = slots.flatMap((slot, number) => {
    const node = nodes[number % nodes.length]
    if (node === undefined) return []
    const forwarded = slot === forwardedSlot()
    const granted = forwarded ? forwardedPort(node.name) : undefined
    const ports = enginePorts(node.ports, fleet.engine.ports, slot, granted)
    const { name, generation } = node
    const vpn = { name, generation }
    const epoch = 1 as Epoch
    const about = { instance, fleet: fleet.name, slot, specHash, epoch, ports, forwarded, vpn }
    return [
      {
        id: id(1_000 + number),
        name: containerName(fleet.name, slot),
        image: fleet.engine.image,
        labels: engineLabels(about),
        networkMode: `container:${node.id}`,
        address: '',
      },
    ]
  })
  return [...nodes, ...engines]
}

/** The port that a simulated node has been granted. */
export function forwardedPort(node: string): number {
  return 50_000 + node.charCodeAt(node.length - 1)
}

const summaryOf = (container: SimulatedContainer) => ({
  Id: container.id,
  Names: [`/${container.name}`],
  Image: container.image,
  Labels: container.labels,
  State: 'running',
  Created: STARTED_AT.getTime() / 1000,
  HostConfig: { NetworkMode: container.networkMode },
})

const detailOf = (container: SimulatedContainer) => ({
  Id: container.id,
  Name: `/${container.name}`,
  Created: STARTED_AT.toISOString(),
  Config: { Image: container.image, Labels: container.labels },
  State: {
    Status: 'running',
    StartedAt: STARTED_AT_TEXT,
    FinishedAt: '0001-01-01T00:00:00Z',
    ExitCode: 0,
    Health: { Status: 'healthy' },
  },
  HostConfig: { NetworkMode: container.networkMode },
  NetworkSettings: { Networks: { bridge: { IPAddress: container.address } } },
})

/** A daemon's reading half, on a socket. */
export interface SimulatedDaemon extends AsyncDisposable {
  /** Requests for anything else than a read, which were refused: there should be none. */
  readonly refused: readonly string[]
  /** Sends everybody who listens one event of the container: a wake-up for nothing. */
  repeatStart(container: SimulatedContainer): void
}

/** Serves containers that never change. Nothing can be created or removed here, only looked at. */
export async function serveDaemon(
  socket: string,
  containers: readonly SimulatedContainer[],
): Promise<SimulatedDaemon> {
  const refused: string[] = []
  const listeners = new Set<ServerResponse>()
  const list = JSON.stringify(containers.map(summaryOf))

  function answer(path: string, response: ServerResponse): unknown {
    if (path === '/version') return { Version: 'simulated', ApiVersion: '1.41' }
    if (path === '/containers/json') return list
    if (path === '/_ping' || path.startsWith('/images/')) return {}
    const reference = /^\/containers\/([^/]+)\/json$/.exec(path)?.[1]
    const found = containers.find(({ id, name }) => reference === id || reference === name)
    if (found !== undefined) return detailOf(found)
    if (path !== '/events') return undefined
    listeners.add(response)
    response.on('close', () => listeners.delete(response))
    response.flushHeaders()
    return 'stream'
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '').replace(/^\/v\d+\.\d+/, '').replace(/\?.*$/, '')
    const body = request.method === 'GET' ? answer(path, response) : undefined
    if (body === 'stream') return
    if (body === undefined) refused.push(`${request.method} ${path}`)
    response.writeHead(body === undefined ? 500 : 200, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body ?? { message: 'refused' }))
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return {
    refused,
    repeatStart({ id: ID, name, labels }) {
      const event = {
        Action: 'start',
        Actor: { ID, Attributes: { ...labels, name } },
        timeNano: Date.now() * 1e6,
      }
      for (const listener of listeners) listener.write(`${JSON.stringify(event)}\n`)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
