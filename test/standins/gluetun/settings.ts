import { isIPv4 } from 'node:net'
import { readNumber } from '../common/number.ts'

export interface GluetunSettings {
  readonly controlPort: number
  readonly healthPort: number
  /** Absent: the public role of v3.41.3, which leaves most routes open. */
  readonly apiKey: string | undefined
  readonly publicIp: string
  readonly ports: readonly number[]
  /** From the start, or from PUT running, until the tunnel is up. */
  readonly connectMs: number
  readonly portFile: string
}

type Environment = Readonly<Record<string, string | undefined>>

const anyPort = [1, 65_535] as const

/** Reads what the container was started with. Throws with the name of the variable that is wrong. */
export function readSettings(env: Environment): GluetunSettings {
  const publicIp = env.STANDIN_PUBLIC_IP ?? '198.51.100.7'
  if (publicIp !== '' && !isIPv4(publicIp)) {
    throw new Error(`STANDIN_PUBLIC_IP must be an IPv4 address or empty, got ${publicIp}`)
  }
  const ports = (env.STANDIN_PORT ?? '')
    .split(',')
    .map((text) => readNumber('STANDIN_PORT', text.trim(), [0, 65_535], 0))
  const address = env.HTTP_CONTROL_SERVER_ADDRESS ?? ':8000'
  const control = address.slice(address.lastIndexOf(':') + 1)
  return {
    controlPort: readNumber('HTTP_CONTROL_SERVER_ADDRESS', control, anyPort, 8000),
    healthPort: 9999,
    apiKey: env.STANDIN_API_KEY || defaultRoleKey(env.HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE),
    publicIp,
    ports: ports.filter((port) => port !== 0),
    connectMs: readNumber('STANDIN_CONNECT_MS', env.STANDIN_CONNECT_MS, [0, 600_000], 300),
    portFile: env.VPN_PORT_FORWARDING_STATUS_FILE || '/tmp/gluetun/forwarded_port',
  }
}

/** The key of `{"auth":"apikey","apikey":"…"}`, by which a real Gluetun guards every route no role names. */
function defaultRoleKey(text: string | undefined): string | undefined {
  if (!text) return undefined
  const role = JSON.parse(text) as { auth?: unknown; apikey?: unknown }
  if (role.auth === 'none') return undefined
  if (role.auth === 'apikey' && typeof role.apikey === 'string' && role.apikey !== '') {
    return role.apikey
  }
  throw new Error('HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE: the stand-in knows apikey and none only')
}
