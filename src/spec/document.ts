import { defaultImage } from '../engine/variants/default-image.ts'
import type { EngineSettings, Fleet, VpnNode, VpnSettings } from './fleet.ts'
import {
  parseDuration,
  parseMemory,
  parsePortRange,
  printDuration,
  printMemory,
  printPortRange,
} from './quantity.ts'
import { API_VERSION, type FleetDocument, type FleetInput, KIND } from './schema.ts'

/** What a valid document means: units resolved, the preset's image filled in. */
export function fleetOf(document: FleetDocument): Fleet {
  const { metadata, spec } = document
  return {
    name: metadata.name,
    replicas: spec.replicas,
    engine: engineOf(spec.engine),
    network: { ...spec.network, ports: parsePortRange(spec.network.ports) },
    vpn: vpnOf(spec.vpn),
    forwarding: {
      // Without a VPN nothing is ever forwarded, so the default and `none` mean the same.
      scope: spec.vpn.mode === 'none' ? 'none' : spec.forwarding.scope,
      ...(spec.forwarding.prefer === undefined ? {} : { prefer: spec.forwarding.prefer }),
      portGraceMs: parseDuration(spec.forwarding.portGrace),
    },
    update: {
      maxSurge: spec.update.maxSurge,
      maxUnavailable: spec.update.maxUnavailable,
      drainTimeoutMs: parseDuration(spec.update.drainTimeout),
    },
  }
}

function engineOf(engine: FleetDocument['spec']['engine']): EngineSettings {
  const { memory, cpus } = engine.resources
  return {
    variant: engine.variant,
    image: engine.image ?? defaultImage(engine.variant),
    pullPolicy: engine.pullPolicy,
    env: engine.env,
    args: engine.args,
    maxStreams: engine.maxStreams,
    resources: {
      ...(memory === undefined ? {} : { memoryBytes: parseMemory(memory) }),
      ...(cpus === undefined ? {} : { cpus }),
    },
    health: {
      intervalMs: parseDuration(engine.health.interval),
      timeoutMs: parseDuration(engine.health.timeout),
      failures: engine.health.failures,
    },
    startTimeoutMs: parseDuration(engine.startTimeout),
    ports: engine.ports,
  }
}

function vpnOf(vpn: FleetDocument['spec']['vpn']): VpnSettings {
  return {
    mode: vpn.mode,
    downGraceMs: parseDuration(vpn.downGrace),
    restartEnginesOnReconnect: vpn.restartEnginesOnReconnect,
    restartVpnAfterMs: parseUnlessNever(vpn.restartVpnAfter),
    restartContainerAfterMs: parseUnlessNever(vpn.restartContainerAfter),
    nodes: vpn.nodes.map((node) => ({ ...node, ports: parsePortRange(node.ports) })),
  }
}

/**
 * The normalised document of a fleet: every default written out, units in their shortest form.
 * `fleetOf(documentOf(fleet))` equals `fleet`, and fleets that equal have equal documents.
 */
export function documentOf(fleet: Fleet): FleetInput {
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name: fleet.name },
    spec: {
      replicas: fleet.replicas,
      engine: engineDocument(fleet.engine),
      ...(fleet.vpn.mode === 'none' ? { network: networkDocument(fleet) } : {}),
      vpn: vpnDocument(fleet.vpn),
      forwarding: {
        scope: fleet.forwarding.scope,
        ...(fleet.forwarding.prefer === undefined ? {} : { prefer: fleet.forwarding.prefer }),
        portGrace: printDuration(fleet.forwarding.portGraceMs),
      },
      update: {
        maxSurge: fleet.update.maxSurge,
        maxUnavailable: fleet.update.maxUnavailable,
        drainTimeout: printDuration(fleet.update.drainTimeoutMs),
      },
    },
  }
}

function networkDocument({ network }: Fleet): FleetDocument['spec']['network'] {
  return { ...network, ports: printPortRange(network.ports) }
}

function engineDocument(engine: EngineSettings): FleetDocument['spec']['engine'] {
  const { memoryBytes, cpus } = engine.resources
  return {
    variant: engine.variant,
    image: engine.image,
    pullPolicy: engine.pullPolicy,
    env: { ...engine.env },
    args: [...engine.args],
    maxStreams: engine.maxStreams,
    resources: {
      ...(memoryBytes === undefined ? {} : { memory: printMemory(memoryBytes) }),
      ...(cpus === undefined ? {} : { cpus }),
    },
    health: {
      interval: printDuration(engine.health.intervalMs),
      timeout: printDuration(engine.health.timeoutMs),
      failures: engine.health.failures,
    },
    startTimeout: printDuration(engine.startTimeoutMs),
    ports: { ...engine.ports },
  }
}

function vpnDocument(vpn: VpnSettings): FleetDocument['spec']['vpn'] {
  return {
    mode: vpn.mode,
    downGrace: printDuration(vpn.downGraceMs),
    restartEnginesOnReconnect: vpn.restartEnginesOnReconnect,
    restartVpnAfter: printOrNever(vpn.restartVpnAfterMs),
    restartContainerAfter: printOrNever(vpn.restartContainerAfterMs),
    nodes: vpn.nodes.map(nodeDocument),
  }
}

function nodeDocument(node: VpnNode): FleetDocument['spec']['vpn']['nodes'][number] {
  return { ...node, control: { ...node.control }, ports: printPortRange(node.ports) }
}

function parseUnlessNever(text: string): number | 'never' {
  return text === 'never' ? text : parseDuration(text)
}

function printOrNever(ms: number | 'never'): string {
  return ms === 'never' ? ms : printDuration(ms)
}
