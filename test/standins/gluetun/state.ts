import { isIPv4 } from 'node:net'

/** The words of GET /v1/vpn/status. */
export type VpnStatus = 'starting' | 'running' | 'stopping' | 'stopped' | 'crashed'

/** How the control server treats its callers; `/standin/…` always answers. */
export type ControlMode = 'normal' | 'hang' | '500'

/** All that a test may see and set of the Gluetun stand-in. */
export interface GluetunState {
  readonly status: VpnStatus
  /** What /v1/publicip/ip says; empty while the tunnel is down. */
  readonly publicIp: string
  /** Forwarded ports; empty while none is granted. */
  readonly ports: readonly number[]
  /** What the health server, and so after 5 to 15 s Docker, says. */
  readonly healthy: boolean
  readonly control: ControlMode
}

/** What POST /standin/state takes; what is absent stays. `port: 0` takes the port away, `port: n` is `ports: [n]`. */
export interface StateChange {
  readonly status?: VpnStatus | undefined
  readonly publicIp?: string | undefined
  readonly port?: number | undefined
  readonly ports?: readonly number[] | undefined
  readonly healthy?: boolean | undefined
  readonly control?: ControlMode | undefined
}

/** Thrown when a change names what the Gluetun stand-in does not have, or a value that it can not take. */
export class BadState extends Error {
  override readonly name = 'BadState'
  readonly code = 'STANDIN_BAD_STATE'
}

const statuses: readonly unknown[] = [
  'starting',
  'running',
  'stopping',
  'stopped',
  'crashed',
] satisfies readonly VpnStatus[]

const controls: readonly unknown[] = ['normal', 'hang', '500'] satisfies readonly ControlMode[]

/** A forwarded port, not 0. */
function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536
}

function isPublicIp(value: unknown): boolean {
  return value === '' || (typeof value === 'string' && isIPv4(value))
}

const checks: Readonly<Record<keyof StateChange, readonly [(value: unknown) => boolean, string]>> =
  {
    status: [(value) => statuses.includes(value), `one of ${statuses.join(', ')}`],
    publicIp: [isPublicIp, 'an IPv4 address or the empty string'],
    port: [(value) => value === 0 || isPort(value), 'a port from 1 to 65535, or 0 for none'],
    ports: [(value) => Array.isArray(value) && value.every(isPort), 'a list of ports'],
    healthy: [(value) => typeof value === 'boolean', 'true or false'],
    control: [(value) => controls.includes(value), `one of ${controls.join(', ')}`],
  }

/** Reads a change from untrusted JSON. @throws {BadState} */
export function parseChange(value: unknown): StateChange {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadState(`expected an object such as {"port":45000}, got ${JSON.stringify(value)}`)
  }
  for (const [key, field] of Object.entries(value)) {
    const check = Object.hasOwn(checks, key) ? checks[key as keyof StateChange] : undefined
    if (check === undefined) throw new BadState(`there is no ${key} to set`)
    if (!check[0](field)) throw new BadState(`${key} must be ${check[1]}`)
  }
  if ('port' in value && 'ports' in value) throw new BadState('give port or ports, not both')
  return value as StateChange
}

/** The state after a change. */
export function applyChange(state: GluetunState, change: StateChange): GluetunState {
  const { port, ports, ...rest } = change
  const granted = ports ?? (port === undefined ? state.ports : port === 0 ? [] : [port])
  return { ...state, ...rest, ports: granted } as GluetunState
}
