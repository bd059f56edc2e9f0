import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { BadBody, readJson } from '../common/body.ts'
import type { GluetunSettings } from './settings.ts'
import { BadState, parseChange } from './state.ts'
import type { Tunnel } from './tunnel.ts'

interface Reply {
  readonly status: number
  readonly body: string
  readonly location?: string
}

interface Route {
  /** Open to everybody when no key is set, as in v3.41.3. */
  readonly isPublic: boolean
  readonly answer: (request: IncomingMessage) => Reply | Promise<Reply>
}

/** `METHOD /path` to route. */
type Routes = ReadonlyMap<string, Route>

const json = (value: unknown): Reply => ({ status: 200, body: JSON.stringify(value) })
const refuse = (status: number, body: string): Reply => ({ status, body })

/** The control server of Gluetun v3.41.3: the routes that a controller reads, all bodies text/plain. */
export function createControlServer(settings: GluetunSettings, tunnel: Tunnel): Server {
  const routes = routesOf(tunnel)
  return createServer((request, response) => {
    void respond(response, () => replyTo(request, settings, tunnel, routes))
  })
}

/** Never rejects: what fails is answered. */
async function respond(
  response: ServerResponse,
  reply: () => Promise<Reply | undefined>,
): Promise<void> {
  try {
    const answer = await reply()
    if (answer !== undefined) send(response, answer)
  } catch (error) {
    const isCallers = error instanceof BadBody || error instanceof BadState
    send(response, refuse(isCallers ? 400 : 500, String(error)))
  }
}

/** Undefined: no answer at all. */
async function replyTo(
  request: IncomingMessage,
  settings: GluetunSettings,
  tunnel: Tunnel,
  routes: Routes,
): Promise<Reply | undefined> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://gluetun')
  if (pathname.startsWith('/standin/')) return standInReply(request, pathname, tunnel)
  const { control } = tunnel.state()
  if (control === 'hang') return undefined
  if (control === '500') return refuse(500, 'the stand-in was told to fail')
  const route = routes.get(`${request.method} ${pathname}`)
  if (route === undefined) {
    const known = [...routes.keys()].some((key) => key.split(' ')[1] === pathname)
    return known ? refuse(405, 'method not allowed') : refuse(404, 'page not found')
  }
  const key = request.headers['x-api-key'] ?? searchParams.get('api_key')
  const isAllowed = settings.apiKey === undefined ? route.isPublic : key === settings.apiKey
  return isAllowed ? route.answer(request) : refuse(401, 'Unauthorized')
}

async function standInReply(
  request: IncomingMessage,
  pathname: string,
  tunnel: Tunnel,
): Promise<Reply> {
  if (pathname !== '/standin/state') return refuse(404, 'there is /standin/state only')
  if (request.method === 'GET') return json(tunnel.state())
  if (request.method !== 'POST') return refuse(405, 'GET or POST')
  return json(tunnel.change(parseChange(await readJson(request))))
}

function routesOf(tunnel: Tunnel): Routes {
  const shown = (answer: Route['answer']): Route => ({ isPublic: true, answer })
  const guarded = (answer: Route['answer']): Route => ({ isPublic: false, answer })
  const status = (word: string) => shown(() => json({ status: word }))
  return new Map([
    ['GET /v1/vpn/status', shown(() => json({ status: tunnel.state().status }))],
    ['PUT /v1/vpn/status', shown((request) => switchVpn(request, tunnel))],
    ['GET /v1/portforward', shown(() => json(portForward(tunnel)))],
    ['PUT /v1/portforward', guarded(() => refuse(400, 'method PUT not supported'))],
    [
      'GET /v1/openvpn/portforwarded',
      shown(() => ({ status: 301, body: '', location: '/v1/portforward' })),
    ],
    ['GET /v1/publicip/ip', shown(() => json(publicIp(tunnel)))],
    // As with WireGuard, whatever the VPN does: nobody may conclude anything from this one.
    ['GET /v1/openvpn/status', status('stopped')],
    ['GET /v1/dns/status', status('running')],
    ['GET /v1/updater/status', status('stopped')],
    ['GET /v1/version', shown(() => json(version))],
    ['GET /v1/vpn/settings', guarded(() => json({ type: 'wireguard' }))],
  ])
}

const version = { version: 'v3.41.3', commit: 'stand-in', created: '2026-07-30T00:00:00Z' }

async function switchVpn(request: IncomingMessage, tunnel: Tunnel): Promise<Reply> {
  const body = await readJson(request)
  const wanted = (body as { status?: unknown } | null)?.status
  if (wanted !== 'running' && wanted !== 'stopped') {
    return refuse(400, `invalid status: ${JSON.stringify(wanted)}: must be running or stopped`)
  }
  return json({ outcome: tunnel.switchTo(wanted) })
}

function portForward(tunnel: Tunnel): object {
  const { ports } = tunnel.state()
  return { port: ports[0] ?? 0, ports }
}

function publicIp(tunnel: Tunnel): object {
  const address = tunnel.state().publicIp
  if (address === '') return { public_ip: '' }
  const nowhere = { region: '', country: '', city: '', location: '', organization: '' }
  return { public_ip: address, ...nowhere, postal_code: '', timezone: '' }
}

function send(response: ServerResponse, { status, body, location }: Reply): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...(location === undefined ? {} : { Location: location }),
  })
  response.end(body)
}
