import type { ContainerHealth, ContainerId, ContainerState } from '../docker/port.ts'

/** The labels of one of our engines, parsed. Absent or unreadable ones are undefined. */
export interface EngineLabels {
  readonly specHash: string | undefined
  readonly epoch: number
  readonly p2pPort: number | undefined
  readonly httpPort: number | undefined
  readonly httpsPort: number | undefined
  readonly apiPort: number | undefined
  readonly vpnGeneration: string | undefined
  readonly vpnContainer: string | undefined
  readonly forwarded: boolean
}

/** An engine's own word on whether it reaches its network: through the tunnel, where it sits behind one. */
export interface NetworkWord {
  readonly connected: boolean
  /** Unix ms at which it first said so without saying otherwise since. */
  readonly since: number
  /** Unix ms at which it last said so. */
  readonly at: number
}

/** What probing has shown of one running engine. */
export interface EngineHealth {
  /** The latest verdict: it answers. */
  readonly ready: boolean
  /** Unix ms of the first good answer ever seen, by this process or as the store remembers. */
  readonly firstReadyAt: number | undefined
  /** Unix ms since which it answers without a break of `failures` probes. */
  readonly readySince: number | undefined
  /** Failed probes in a row. */
  readonly failures: number
  readonly failingSince: number | undefined
  /** The last failure, for people; empty when the last probe succeeded. */
  readonly lastError: string
  /** Unix ms since which probes fail on our own side, so that nothing may be concluded about the engine. */
  readonly blindSince?: number | undefined
  /** Its last word; undefined while it never said any, as builds that do not know the question never do. */
  readonly network?: NetworkWord | undefined
}

/** A running container that is no VPN node of the spec, though an engine sits in its network. */
export interface DepartedNode {
  readonly name: string
  readonly generation: Generation
  /** Where engines' ports are reached. */
  readonly address: string | undefined
}

export interface ObservedEngine {
  readonly id: ContainerId
  readonly name: string
  /** `0`, `1` …, `forwarded`, `<node>.forwarded`: from the slot label, else from the name. */
  readonly slot: string
  readonly state: ContainerState
  readonly networkMode: string
  /** Whether the container whose network it joins is listed as running; undefined when it joins none. */
  readonly joinedRunning: boolean | undefined
  /** The running container whose network it joins, when that is no VPN node of the spec: it left, or has a new name. */
  readonly departed?: DepartedNode | undefined
  readonly image: string
  readonly labels: EngineLabels
  /** Unix ms by Docker's clock. */
  readonly createdAt: number
  /** Unix ms by Docker's clock; undefined while not needed or not started. */
  readonly startedAt: number | undefined
  /** By our own clock, as long as we looked ourselves: see {@link Sighting}. */
  readonly notListedAt?: number | undefined
  readonly seenStartingAt?: number | undefined
  /** Why Docker could not start it; undefined unless a start was tried and failed. */
  readonly startError: string | undefined
  readonly health: EngineHealth
}

/** A container that is not ours but matters: it holds a name of ours or carries `acestream.forwarded` on a node of ours. */
export interface ForeignContainer {
  readonly id: ContainerId
  readonly name: string
  readonly holdsSlot: string | undefined
  readonly forwardedOn: string | undefined
}

/** What a VPN node's control server said last. */
export interface ControlReading {
  readonly kind: 'reading'
  readonly status: 'starting' | 'running' | 'stopping' | 'stopped' | 'crashed' | 'unknown'
  /** Empty while none is known. */
  readonly publicIp: string
  /** False when Gluetun runs with PUBLICIP_ENABLED=off, so that an empty address tells nothing. */
  readonly publicIpEnabled: boolean
  /** Forwarded ports; empty while none is granted. */
  readonly ports: readonly number[]
  /** What the control server would not tell, and how to mend it: that field then says nothing. */
  readonly gaps?:
    | { readonly ports?: string | undefined; readonly publicIp?: string | undefined }
    | undefined
  /** Unix ms at which the requests of this reading were begun. */
  readonly at: number
}

/** The control server did not say: nothing may be concluded about the VPN. */
export interface ControlFailure {
  readonly kind: 'refused' | 'unreachable' | 'missing'
  /** What, where, and how to mend it. */
  readonly message: string
  /** Forwarded ports as the mounted status file has them; undefined when there is no file or it is of no use. */
  readonly ports?: readonly number[] | undefined
  readonly at: number
}

/** (container id, StartedAt): engines of another generation sit in a dead namespace. */
export type Generation = string & { readonly brand: 'Generation' }

/**
 * - `degraded`: its tunnel stands by Gluetun's word, but its engines say otherwise, or it went down too often of late:
 *   other nodes are preferred for what is new, and what is there stays.
 * - `unknown`: nothing may be concluded.
 */
export type NodeState = 'up' | 'degraded' | 'down' | 'unknown'

/** Reason of a node that is down by its engines' words alone, against Gluetun's. */
export const TUNNEL_DEAD = 'TunnelDead'
/** Reason of a node that is degraded because all its engines say that they reach nothing. */
export const ENGINES_OFFLINE = 'EnginesOffline'

/** Whether Gluetun tells of a forwarded port, and since when without interruption. Unix ms. */
export interface PortGrant {
  readonly isGranted: boolean
  readonly since: number
}

export interface ObservedNode {
  readonly name: string
  readonly containerId: ContainerId | undefined
  readonly running: boolean
  readonly generation: Generation | undefined
  readonly startedAt: number
  readonly health: ContainerHealth
  /** Where engines' ports are reached. */
  readonly address: string | undefined
  readonly control: ControlReading | ControlFailure
  /** Judged from all of the above, and from what its engines say; `unknown` never triggers anything destructive. */
  readonly state: NodeState
  /** CamelCase, and a sentence for people. */
  readonly reason: string
  readonly message: string
  /** Unix ms at which `state` last changed. */
  readonly since: number
  /** Down for longer than the spec's grace: work moves away. */
  readonly lost: boolean
  /** The port that counts now: granted, or lost for less than the spec's grace. 0 when none. */
  readonly forwardedPort: number
  /** How often a granted port was lost within the last hour, as far as this process saw. */
  readonly portLosses: number
  /** Unix ms since which it is up without interruption, as far as this process saw; undefined while it is not. */
  readonly readySince: number | undefined
  /** Unix ms at which the tunnel last came back, in this generation; undefined when it never went. */
  readonly reconnectedAt?: number | undefined
  /** Unix ms since which it is down, in this generation; undefined while it is not. */
  readonly downSince?: number | undefined
  /** Of the tunnel that stands; undefined while none is known to. */
  readonly grant?: PortGrant | undefined
}

/** Whether by Gluetun's word the tunnel stands, be it that there are better nodes. */
export function hasTunnel({ state }: Pick<ObservedNode, 'state'>): boolean {
  return state === 'up' || state === 'degraded'
}

/** An immutable picture of the world around one fleet. */
export interface Observation {
  readonly fleet: string
  /** Unix ms at which the list was asked for. */
  readonly startedAt: number
  readonly engines: readonly ObservedEngine[]
  readonly foreign: readonly ForeignContainer[]
  readonly nodes: readonly ObservedNode[]
}

/** Whether both are of one container, started once or again. */
export function isSameContainer(a: Generation, b: string | undefined): boolean {
  return b !== undefined && a.split('@')[0] === b.split('@')[0]
}

/** The generation of a VPN node's container. */
export function generationOf(id: ContainerId, startedAtText: string): Generation {
  return `${id.slice(0, 12)}@${startedAtText}` as Generation
}
