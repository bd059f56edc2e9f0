import { isIPv4 } from 'node:net'
import { readNumber } from '../common/number.ts'
import { isRelease, releases } from './release.ts'
import { type Role, readDefaultRole } from './roles.ts'
import { type GluetunState, parseChange, type StateChange } from './state.ts'

export interface GluetunSettings {
  readonly controlPort: number
  /** Of the stand-in itself, which answers while the control server's port is closed. */
  readonly ownPort: number
  readonly healthPort: number
  /** Guards every route that no role names, in each release that has roles. */
  readonly keyRole: Role | undefined
  /** Gluetun's own default role, which counts in releases that know it. */
  readonly defaultRole: Role | undefined
  readonly roleFile: string
  readonly portFile: string
  readonly first: GluetunState
  /** Set over all that at the start. */
  readonly change: StateChange
}

type Environment = Readonly<Record<string, string | undefined>>

const anyPort = [1, 65_535] as const

/** Reads what the container was started with. Throws with the name of the variable that is wrong. */
export function readSettings(env: Environment): GluetunSettings {
  const address = env.HTTP_CONTROL_SERVER_ADDRESS ?? ':8000'
  const control = address.slice(address.lastIndexOf(':') + 1)
  return {
    controlPort: readNumber('HTTP_CONTROL_SERVER_ADDRESS', control, anyPort, 8000),
    ownPort: 9998,
    healthPort: 9999,
    keyRole: env.STANDIN_API_KEY ? keyRole(env.STANDIN_API_KEY) : undefined,
    defaultRole: defaultRole(env.HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE),
    roleFile: env.HTTP_CONTROL_SERVER_AUTH_CONFIG_FILEPATH || '/gluetun/auth/config.toml',
    portFile: env.VPN_PORT_FORWARDING_STATUS_FILE || '/tmp/gluetun/forwarded_port',
    first: firstState(env),
    change: firstChange(env.STANDIN_STATE),
  }
}

function firstState(env: Environment): GluetunState {
  const publicIp = env.STANDIN_PUBLIC_IP ?? '198.51.100.7'
  if (publicIp !== '' && !isIPv4(publicIp)) {
    throw new Error(`STANDIN_PUBLIC_IP must be an IPv4 address or empty, got ${publicIp}`)
  }
  const ports = (env.STANDIN_PORT ?? '')
    .split(',')
    .map((text) => readNumber('STANDIN_PORT', text.trim(), [0, 65_535], 0))
  const release = env.STANDIN_RELEASE || 'v3.41.3'
  if (!isRelease(release)) {
    throw new Error(`STANDIN_RELEASE must be one of ${releases.join(', ')}, got ${release}`)
  }
  return {
    status: 'starting',
    publicIp,
    ports: ports.filter((port) => port !== 0),
    carries: false,
    healthy: true,
    control: 'normal',
    release,
    frozen: null,
    portServer: 'answers',
    portChange: null,
    nextPorts: null,
    nextPublicIp: null,
    crashesOnStart: false,
    connectMs: readNumber('STANDIN_CONNECT_MS', env.STANDIN_CONNECT_MS, [0, 600_000], 300),
    portMs: 0,
    stopMs: 0,
    startMs: 0,
    // Gluetun's own pause, v3.41.2 and later.
    retryMs: 5_000,
  }
}

function firstChange(text: string | undefined): StateChange {
  if (!text) return {}
  try {
    return parseChange(JSON.parse(text))
  } catch (cause) {
    throw new Error(`STANDIN_STATE: ${(cause as Error).message}`, { cause })
  }
}

function keyRole(apikey: string): Role {
  return { name: 'stand-in', auth: 'apikey', apikey, username: '', password: '', routes: [] }
}

function defaultRole(text: string | undefined): Role | undefined {
  if (!text) return undefined
  try {
    return readDefaultRole(text)
  } catch (cause) {
    const why = (cause as Error).message
    throw new Error(`HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE: ${why}`, { cause })
  }
}
