/** A whole, valid, defaulted EngineFleet document. Durations are ms, memory is bytes. */
export interface Fleet {
  readonly name: string
  readonly replicas: number
  readonly engine: EngineSettings
  /** Mode none only. */
  readonly network: NetworkSettings
  readonly vpn: VpnSettings
  readonly forwarding: ForwardingSettings
  readonly update: UpdateSettings
}

export type EngineVariant =
  | 'krinkuto11-amd64'
  | 'jopsis-amd64'
  | 'jopsis-arm32'
  | 'jopsis-arm64'
  | 'martinbjeldbak'
  | 'custom'

export interface EngineSettings {
  readonly variant: EngineVariant
  /** The preset's unless overridden; required for custom. */
  readonly image: string
  readonly pullPolicy: 'IfNotPresent' | 'Always' | 'Never'
  readonly env: Readonly<Record<string, string>>
  readonly args: readonly string[]
  readonly maxStreams: number
  readonly resources: {
    readonly memoryBytes?: number | undefined
    readonly cpus?: number | undefined
  }
  readonly health: {
    readonly intervalMs: number
    readonly timeoutMs: number
    readonly failures: number
  }
  readonly startTimeoutMs: number
  /** First ports of the internal ranges from which HTTPS, API and P2P ports follow by slot. */
  readonly ports: { readonly https: number; readonly api: number; readonly p2p: number }
}

export interface PortRange {
  readonly first: number
  readonly last: number
}

export interface NetworkSettings {
  readonly ports: PortRange
  readonly bind: string
  readonly name: string
}

export interface VpnNode {
  /** The Gluetun container's name. */
  readonly name: string
  readonly address?: string | undefined
  readonly control: {
    readonly url?: string | undefined
    readonly apiKeyFile?: string | undefined
    readonly usernameFile?: string | undefined
    readonly passwordFile?: string | undefined
  }
  readonly ports: PortRange
  readonly portFile?: string | undefined
  readonly cordon: boolean
}

export interface VpnSettings {
  readonly mode: 'none' | 'single' | 'redundant'
  readonly downGraceMs: number
  readonly restartEnginesOnReconnect: 'auto' | 'always' | 'never'
  readonly restartVpnAfterMs: number | 'never'
  readonly restartContainerAfterMs: number | 'never'
  /** Empty for mode none. */
  readonly nodes: readonly VpnNode[]
}

export interface ForwardingSettings {
  readonly scope: 'fleet' | 'vpn' | 'none'
  readonly prefer?: string | undefined
  readonly portGraceMs: number
}

export interface UpdateSettings {
  readonly maxSurge: number
  readonly maxUnavailable: number
  readonly drainTimeoutMs: number
}
