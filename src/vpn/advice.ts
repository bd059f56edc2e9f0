import type { VpnNode } from '../spec/fleet.ts'

/** The route of the port, and the one before v3.41.0, which later releases redirect to it. */
export const PORT_ROUTE = 'GET /v1/portforward'
export const OLD_PORT_ROUTE = 'GET /v1/openvpn/portforwarded'

/** Whose control server says what. */
export interface Asked {
  readonly node: Pick<VpnNode, 'name' | 'control'>
  /** Without user, password and query: fit for messages. */
  readonly origin: string
}

/** Whether the release has {@link PORT_ROUTE}; undefined when it would not say. A word such as `latest` is a new one. */
export function hasPortRoute(version: string | undefined): boolean | undefined {
  if (version === undefined) return undefined
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? []
  return Number(major ?? 4) * 1000 + Number(minor ?? 0) >= 3041
}

/** All that acefleet asks of a control server. Gluetun does not start on a route that its release does not have. */
function routesFor(version: string | undefined): readonly string[] {
  return [
    'GET /v1/vpn/status',
    'PUT /v1/vpn/status',
    hasPortRoute(version) === false ? OLD_PORT_ROUTE : PORT_ROUTE,
    'GET /v1/publicip/ip',
    'GET /v1/version',
  ]
}

function roleLines(control: VpnNode['control'], version: string | undefined): readonly string[] {
  const routes = routesFor(version)
    .map((route) => `"${route}"`)
    .join(', ')
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

/** For a 401: which route no role gives us, and the exact lines that mend it in the release that answers. */
export function adviseOnRefusal(
  { node, origin }: Asked,
  route: string,
  version: string | undefined,
): string {
  const release = version === undefined ? '' : ` (Gluetun ${version})`
  const older =
    hasPortRoute(version) === undefined
      ? ` (a Gluetun before v3.41.0 has "${OLD_PORT_ROUTE}" in place of "${PORT_ROUTE}", and starts with no other)`
      : ''
  return [
    `The control server of ${node.name} at ${origin}${release} refuses ${route} to ${sender(node.control)}.`,
    `No role there has this route with that secret. Add this to /gluetun/auth/config.toml${older} and restart Gluetun:`,
    ...roleLines(node.control, version),
  ].join('\n')
}

/** For a 404 or a redirect: what answers is no such control server. */
export function adviseOnAbsence({ node, origin }: Asked, route: string, status: number): string {
  return (
    `What answers for ${node.name} at ${origin} does not serve ${route} (HTTP ${status}): ` +
    'check control.url in the spec, and HTTP_CONTROL_SERVER_ADDRESS of the Gluetun container'
  )
}

/** For silence and nonsense. */
export function adviseOnSilence({ node, origin }: Asked, route: string, why: string): string {
  return (
    `The control server of ${node.name} at ${origin} does not tell ${route}: ${why}. ` +
    'Check that acefleet shares a Docker network with Gluetun, and control.url in the spec'
  )
}
