import type { IncomingMessage } from 'node:http'
import { readJson } from '../common/body.ts'
import { type Release, type Traits, traitsOf } from './release.ts'
import type { Tunnel } from './tunnel.ts'

export interface Reply {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Route {
  /** In the role "public" of the releases that have one. */
  readonly isPublic: boolean
  readonly answer: (request: IncomingMessage) => Reply | Promise<Reply>
}

/** `METHOD /path` to route. */
export type Routes = ReadonlyMap<string, Route>

// Go's encoder and its http.Error both end what they write with a line feed.
export const json = (value: unknown): Reply => ({
  status: 200,
  body: `${JSON.stringify(value)}\n`,
})
export const refuse = (status: number, body: string): Reply => ({ status, body: `${body}\n` })

const shown = (answer: Route['answer']): Route => ({ isPublic: true, answer })
const guarded = (answer: Route['answer']): Route => ({ isPublic: false, answer })

/** All routes that a role of the release may name; for v3.38, which knows no roles, all that it answers. */
export function routesOf(release: Release, tunnel: Tunnel): Routes {
  const traits = traitsOf(release)
  return new Map<string, Route>([
    ...vpnRoutes(tunnel),
    ...portRoutes(traits, tunnel),
    ...openvpnRoutes(tunnel),
    ...loopRoutes('dns', 'running'),
    ...loopRoutes('updater', 'stopped'),
    ...unversionedRoutes(tunnel),
    ['GET /v1/publicip/ip', shown(() => json(publicIp(tunnel)))],
    ['GET /v1/version', shown(() => json(buildOf(traits)))],
  ])
}

type Entries = readonly (readonly [string, Route])[]

function vpnRoutes(tunnel: Tunnel): Entries {
  return [
    ['GET /v1/vpn/status', shown(() => json({ status: tunnel.state().status }))],
    ['PUT /v1/vpn/status', shown((request) => switchVpn(request, tunnel))],
    ['GET /v1/vpn/settings', guarded(() => json({ type: 'wireguard' }))],
    [
      'PUT /v1/vpn/settings',
      guarded(async (request) => {
        await readJson(request)
        tunnel.reconnect()
        return { status: 200, body: 'running' }
      }),
    ],
  ]
}

function portRoutes(traits: Traits, tunnel: Tunnel): Entries {
  const tell = shown(() => json(portBody(traits, tunnel)))
  if (!traits.hasNewPortRoute) return [['GET /v1/openvpn/portforwarded', tell]]
  // A release that lets roles name it still does nothing with it: this provider's ports are native.
  const put = guarded(() =>
    traits.hasPublicRole
      ? refuse(400, 'method PUT not supported')
      : refuse(500, 'port forwarding is handled natively'),
  )
  return [
    ['GET /v1/portforward', tell],
    ['GET /v1/openvpn/portforwarded', shown(() => redirect(301, '/v1/portforward'))],
    ...(traits.listsPortPut ? ([['PUT /v1/portforward', put]] as const) : []),
  ]
}

function openvpnRoutes(tunnel: Tunnel): Entries {
  return [
    // As with WireGuard, whatever the VPN does: nobody may conclude anything from this one.
    ['GET /v1/openvpn/status', shown(() => json({ status: 'stopped' }))],
    [
      'PUT /v1/openvpn/status',
      shown(async (request) => {
        const wanted = wantedOf(await readJson(request))
        if (wanted === 'stopped') return json({ outcome: await tunnel.switchTo(wanted) })
        if (wanted !== 'running') return badStatus(wanted)
        // Changes the VPN's type to OpenVPN, for which there are no settings.
        tunnel.crash()
        return json({ outcome: 'crashed' })
      }),
    ],
    ['GET /v1/openvpn/settings', guarded(() => json({ user: 'redacted', password: 'redacted' }))],
  ]
}

function loopRoutes(name: string, first: 'running' | 'stopped'): Entries {
  let status: string = first
  return [
    [`GET /v1/${name}/status`, shown(() => json({ status }))],
    [
      `PUT /v1/${name}/status`,
      shown(async (request) => {
        const wanted = wantedOf(await readJson(request))
        if (wanted !== 'running' && wanted !== 'stopped') return badStatus(wanted)
        const outcome = status === wanted ? `already ${wanted}` : wanted
        status = wanted
        return json({ outcome })
      }),
    ],
  ]
}

/** The API before v1, deprecated and still there. */
function unversionedRoutes(tunnel: Tunnel): Entries {
  const said = (what: string) => ({
    status: 200,
    body: `${what} restarted, please consider using the /v1/ API in the future.`,
  })
  return [
    [
      'GET /openvpn/actions/restart',
      shown(async () => {
        await tunnel.switchTo('stopped')
        await tunnel.switchTo('running')
        return said('openvpn')
      }),
    ],
    ['GET /unbound/actions/restart', shown(() => said('dns'))],
    ['GET /updater/restart', shown(() => said('updater'))],
    ['GET /openvpn/portforwarded', guarded(() => redirect(308, '/v1/openvpn/portforwarded'))],
    ['GET /openvpn/settings', guarded(() => redirect(308, '/v1/openvpn/settings'))],
  ]
}

function redirect(status: 301 | 308, location: string): Reply {
  const phrase = status === 301 ? 'Moved Permanently' : 'Permanent Redirect'
  return {
    status,
    body: `<a href="${location}">${phrase}</a>.\n\n`,
    headers: { Location: location, 'Content-Type': 'text/html; charset=utf-8' },
  }
}

const buildOf = ({ version }: Traits) => ({
  version,
  commit: 'stand-in',
  created: '2026-07-30T00:00:00Z',
})

const wantedOf = (body: unknown) => (body as { status?: unknown } | null)?.status

function badStatus(wanted: unknown): Reply {
  return refuse(
    400,
    `invalid status: ${String(wanted ?? '')}: possible values are: stopped, running`,
  )
}

async function switchVpn(request: IncomingMessage, tunnel: Tunnel): Promise<Reply> {
  const wanted = wantedOf(await readJson(request))
  if (wanted !== 'running' && wanted !== 'stopped') return badStatus(wanted)
  return json({ outcome: await tunnel.switchTo(wanted) })
}

function portBody({ portShape, hasPublicRole }: Traits, tunnel: Tunnel): object {
  const { ports, status } = tunnel.state()
  const port = ports[0] ?? 0
  if (portShape === 'port') return { port }
  if (portShape === 'port-or-ports') return ports.length > 1 ? { ports } : { port }
  // On master the service that knows of ports begins with the VPN, and before it there is no list.
  return { port, ports: !hasPublicRole && status === 'starting' ? null : ports }
}

function publicIp(tunnel: Tunnel): object {
  const address = tunnel.state().publicIp
  if (address === '') return { public_ip: '' }
  const nowhere = { region: '', country: '', city: '', location: '', organization: '' }
  return { public_ip: address, ...nowhere, postal_code: '', timezone: '' }
}
