import type { Epoch } from '../lease/lease.ts'
import type { EngineLabels } from '../observe/observation.ts'
import type { EnginePorts } from './ports.ts'

/** The labels that say whose a container is; the others are in {@link engineLabels}. */
export const INSTANCE_LABEL = 'acefleet.instance'
export const FLEET_LABEL = 'acefleet.fleet'
export const SLOT_LABEL = 'acefleet.slot'
export const EPOCH_LABEL = 'acefleet.epoch'
/** Read by existing tools as well; `true` on the forwarded engine only. */
export const FORWARDED_LABEL = 'acestream.forwarded'
const VPN_LABEL = 'acestream.vpn_container'

const SPEC_HASH = 'acefleet.spec-hash'
const P2P_PORT = 'acefleet.p2p-port'
const API_PORT = 'acefleet.api-port'
const VPN_GENERATION = 'acefleet.vpn-generation'
const HTTP_PORT = 'acestream.http_port'
const HTTPS_PORT = 'acestream.https_port'
const HOST_HTTP_PORT = 'host.http_port'

export interface Labelled {
  readonly instance: string
  readonly fleet: string
  readonly slot: string
  readonly specHash: string
  readonly epoch: Epoch
  readonly ports: EnginePorts
  readonly forwarded: boolean
  /** Name and generation of the VPN node; undefined in mode none. */
  readonly vpn: { readonly name: string; readonly generation: string } | undefined
}

/** All labels of an engine (DESIGN "Containers"). They cannot be changed afterwards. */
export function engineLabels(of: Labelled): Readonly<Record<string, string>> {
  return {
    [INSTANCE_LABEL]: of.instance,
    [FLEET_LABEL]: of.fleet,
    [SLOT_LABEL]: of.slot,
    [SPEC_HASH]: of.specHash,
    [EPOCH_LABEL]: String(of.epoch),
    [P2P_PORT]: String(of.ports.p2p),
    [API_PORT]: String(of.ports.api),
    [HTTP_PORT]: String(of.ports.http),
    [HTTPS_PORT]: String(of.ports.https),
    [HOST_HTTP_PORT]: String(of.ports.http),
    ...(of.vpn === undefined
      ? {}
      : { [VPN_LABEL]: of.vpn.name, [VPN_GENERATION]: of.vpn.generation }),
    ...(of.forwarded ? { [FORWARDED_LABEL]: 'true' } : {}),
  }
}

/** Epochs are Unix ms or little more: what lies millennia ahead was written by nobody's term. */
const ABSURD_EPOCH = 1e14

function epochOf(text: string | undefined): number {
  const epoch = whole(text) ?? 0
  return epoch < ABSURD_EPOCH ? epoch : 0
}

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
}

/** Reads the labels back, whoever wrote them. */
export function readLabels(labels: Readonly<Record<string, string>>): EngineLabels {
  return {
    specHash: labels[SPEC_HASH],
    epoch: epochOf(labels[EPOCH_LABEL]),
    p2pPort: whole(labels[P2P_PORT]),
    httpPort: whole(labels[HTTP_PORT]),
    httpsPort: whole(labels[HTTPS_PORT]),
    apiPort: whole(labels[API_PORT]),
    vpnGeneration: labels[VPN_GENERATION],
    vpnContainer: labels[VPN_LABEL],
    forwarded: labels[FORWARDED_LABEL] === 'true',
  }
}
