import type { ContainerSpec } from '../docker/port.ts'
import type { Fleet } from '../spec/fleet.ts'
import { hashOf } from '../spec/hash.ts'
import type { EnginePorts } from './ports.ts'
import { containerFor } from './variants/container-for.ts'

/** Where and as what one engine is created. */
export interface Placement {
  readonly name: string
  readonly slot: string
  readonly ports: EnginePorts
  /** `container:<64-hex id>` of the VPN node, or the Docker network's name for mode none. */
  readonly networkMode: string
  readonly labels: Readonly<Record<string, string>>
}

/** What all engines of a fleet have in common, and how one is made of it. */
export interface EngineTemplate {
  /** Of the resolved container spec without node, name, ports and labels: what differs here rolls the engines. */
  readonly specHash: string
  readonly image: string
  containerSpec(placement: Placement): ContainerSpec
}

/** Any ports will do where ports do not count, as long as they stay the same. */
const NO_PORTS: EnginePorts = { http: 1, https: 2, api: 3, p2p: 4 }

/** The fleet's template. Health, timeouts and maxStreams are no part of a container, so they roll nothing. */
export function engineTemplate(fleet: Fleet): EngineTemplate {
  const { image, resources } = fleet.engine
  const published = fleet.vpn.mode === 'none'
  return {
    specHash: hashOf({
      image,
      resources,
      launch: containerFor(fleet, NO_PORTS),
      // No slot's own ports, but where all of them begin: moving that must move every engine.
      internalPorts: fleet.engine.ports,
      network: published ? { bind: fleet.network.bind, name: fleet.network.name } : 'vpn',
    }),
    image,
    containerSpec: ({ name, ports, networkMode, labels }) => ({
      name,
      image,
      ...containerFor(fleet, ports),
      labels,
      networkMode,
      publish: published
        ? [
            {
              address: fleet.network.bind,
              hostPort: ports.http,
              containerPort: ports.http,
              protocol: 'tcp',
            },
          ]
        : [],
      memoryBytes: resources.memoryBytes,
      cpus: resources.cpus,
    }),
  }
}
