import { isIPv4 } from 'node:net'
import { isRelease, type Release, releases } from './release.ts'

/** The words of GET /v1/vpn/status. */
export type VpnStatus = 'starting' | 'running' | 'stopping' | 'stopped' | 'crashed'

/**
 * How the control server treats its callers; `/standin/…` always answers. `refuse` closes its port; `cut` does as told
 * and drops the connection in place of the answer.
 */
export type ControlMode = 'normal' | 'hang' | '500' | 'refuse' | 'cut'

/** A VPN server that is gone while Gluetun has not noticed: all looks well until `healthyForMs` are over. */
export interface Freeze {
  /** Then health fails and the VPN is restarted in vain, each `loopMs`. */
  readonly healthyForMs: number
  readonly loopMs: number
}

/** What the provider does with the port while the tunnel stands. */
export type PortChange =
  /** Each `everyMs` none for `awayMs`, then the same again. */
  | { readonly kind: 'flap'; readonly everyMs: number; readonly awayMs: number }
  /** Each `everyMs` the next number, without a gap. */
  | { readonly kind: 'move'; readonly everyMs: number }

/** All that a test may see and set of the Gluetun stand-in, beside ports and status. */
interface Settable {
  /** What the health server, and so after 5 to 15 s Docker, says. */
  readonly healthy: boolean
  readonly control: ControlMode
  readonly release: Release
  /** Set: packets no longer pass. Null: the VPN server is back. */
  readonly frozen: Freeze | null
  /** Whether the VPN server grants and renews ports. Gluetun's own bugs decide what follows from a refusal. */
  readonly portServer: 'answers' | 'refuses'
  readonly portChange: PortChange | null
  /** What the next connection brings in place of the present ports and address. */
  readonly nextPorts: readonly number[] | null
  readonly nextPublicIp: string | null
  /** The next starts of the VPN crash. */
  readonly crashesOnStart: boolean
  /** From running, or from the start of the container, until the tunnel is up. */
  readonly connectMs: number
  /** From the tunnel until its port. */
  readonly portMs: number
  /** For how long a PUT blocks, with the status `stopping` or `starting`. */
  readonly stopMs: number
  readonly startMs: number
  /** Between requests for a port, in releases that repeat them. */
  readonly retryMs: number
}

export interface GluetunState extends Settable {
  readonly status: VpnStatus
  /** What /v1/publicip/ip says; empty while the tunnel is down. */
  readonly publicIp: string
  /** Forwarded ports; empty while none is granted. */
  readonly ports: readonly number[]
  /** Whether packets pass through the tunnel: the truth, which no answer of Gluetun tells. */
  readonly carries: boolean
}

/** What POST /standin/state takes; what is absent stays. `port: 0` takes the port away, `port: n` is `ports: [n]`. */
export type StateChange = {
  readonly [Field in keyof Settable]?: Settable[Field] | undefined
} & {
  readonly status?: VpnStatus | undefined
  readonly publicIp?: string | undefined
  readonly port?: number | undefined
  readonly ports?: readonly number[] | undefined
}

/** Thrown when a change names what the Gluetun stand-in does not have, or a value that it can not take. */
export class BadState extends Error {
  override readonly name = 'BadState'
  readonly code = 'STANDIN_BAD_STATE'
}

type Check = readonly [(value: unknown) => boolean, string]

const oneOf = (...words: readonly string[]): Check => [
  (value) => words.some((word) => word === value),
  `one of ${words.join(', ')}`,
]
const flag: Check = [(value) => typeof value === 'boolean', 'true or false']

/** Longest time of anything: beyond every patience, and within what a timer takes. */
const mostMs = 86_400_000
const isMs = (value: unknown, least: number): value is number =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= mostMs
const time: Check = [(value) => isMs(value, 0), `whole milliseconds up to ${mostMs}`]

/** A forwarded port, not 0. */
function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536
}
const arePorts = (value: unknown) => Array.isArray(value) && value.every(isPort)

function isPublicIp(value: unknown): boolean {
  return value === '' || (typeof value === 'string' && isIPv4(value))
}

/** An object of just these times, each at least 1 ms. */
function isOfTimes(value: unknown, ...names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  const entries = Object.entries(value)
  return (
    entries.length === names.length &&
    entries.every(([name, ms]) => names.includes(name) && isMs(ms, 1))
  )
}

function isPortChange(value: unknown): boolean {
  if (value === null) return true
  const { kind, ...times } = Object(value) as Record<string, unknown>
  if (kind === 'move') return isOfTimes(times, 'everyMs')
  return (
    kind === 'flap' &&
    isOfTimes(times, 'everyMs', 'awayMs') &&
    Number(times.awayMs) < Number(times.everyMs)
  )
}

const checks: Readonly<Record<keyof StateChange, Check>> = {
  status: oneOf('starting', 'running', 'stopping', 'stopped', 'crashed'),
  publicIp: [isPublicIp, 'an IPv4 address or the empty string'],
  port: [(value) => value === 0 || isPort(value), 'a port from 1 to 65535, or 0 for none'],
  ports: [arePorts, 'a list of ports'],
  healthy: flag,
  control: oneOf('normal', 'hang', '500', 'refuse', 'cut'),
  release: [isRelease, `one of ${releases.join(', ')}`],
  frozen: [
    (value) => value === null || isOfTimes(value, 'healthyForMs', 'loopMs'),
    'null or {"healthyForMs":…,"loopMs":…}',
  ],
  portServer: oneOf('answers', 'refuses'),
  portChange: [
    isPortChange,
    'null, {"kind":"move","everyMs":…} or {"kind":"flap","everyMs":…,"awayMs":…} with a shorter awayMs',
  ],
  nextPorts: [(value) => value === null || arePorts(value), 'null or a list of ports'],
  nextPublicIp: [(value) => value === null || isPublicIp(value), 'null or an IPv4 address'],
  crashesOnStart: flag,
  connectMs: time,
  portMs: time,
  stopMs: time,
  startMs: time,
  retryMs: time,
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
