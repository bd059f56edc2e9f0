import type { VpnNode } from '../spec/fleet.ts'

/** All that acefleet asks of a control server; Gluetun refuses to start on a route that it does not know. */
const ROUTES = [
  'GET /v1/vpn/status',
  'PUT /v1/vpn/status',
  'GET /v1/portforward',
  'GET /v1/publicip/ip',
]

function roleLines(control: VpnNode['control']): readonly string[] {
  const routes = ROUTES.map((route) => `"${route}"`).join(', ')
  const basic = control.apiKeyFile === undefined && control.usernameFile !== undefined
  const secret = basic
    ? [
        'auth = "basic"',
        `username = "<the content of ${control.usernameFile}>"`,
        `password = "<the content of ${control.passwordFile ?? 'the password file'}>"`,
      ]
    : [
        'auth = "apikey"',
        `apikey = "<the content of ${control.apiKeyFile ?? 'the file named by control.apiKeyFile'}>"`,
      ]
  return ['[[roles]]', 'name = "acefleet"', `routes = [${routes}]`, ...secret]
}

function sender(control: VpnNode['control']): string {
  if (control.apiKeyFile !== undefined) return `the API key from ${control.apiKeyFile}`
  if (control.usernameFile !== undefined) return `the user name from ${control.usernameFile}`
  return 'a request without a key (the spec has no control.apiKeyFile)'
}

/** For a 401: which route, and the exact lines that mend it. */
export function adviseOnRefusal(
  node: Pick<VpnNode, 'name' | 'control'>,
  origin: string,
  route: string,
): string {
  const older =
    route === 'GET /v1/portforward'
      ? ' (a Gluetun before v3.41.0 has "GET /v1/openvpn/portforwarded" in its place)'
      : ''
  return [
    `The control server of ${node.name} at ${origin} refuses ${route} to ${sender(node.control)}.`,
    `Add this to /gluetun/auth/config.toml${older}, with no other role naming these routes, and restart Gluetun:`,
    ...roleLines(node.control),
  ].join('\n')
}

/** For a 404 or a redirect: what answers is no such control server. */
export function adviseOnAbsence(
  name: string,
  origin: string,
  route: string,
  status: number,
): string {
  return (
    `What answers for ${name} at ${origin} does not serve ${route} (HTTP ${status}): ` +
    'check control.url in the spec, and HTTP_CONTROL_SERVER_ADDRESS of the Gluetun container'
  )
}

/** For silence and nonsense. */
export function adviseOnSilence(name: string, origin: string, route: string, why: string): string {
  return (
    `The control server of ${name} at ${origin} does not tell ${route}: ${why}. ` +
    'Check that acefleet shares a Docker network with Gluetun, and control.url in the spec'
  )
}
