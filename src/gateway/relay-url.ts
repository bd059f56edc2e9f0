import { isIP } from 'node:net'

const WILDCARDS = ['0.0.0.0', '::', '']

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * Where other gateways reach this one, as far as its listener tells: on this machine alone where it listens there alone;
 * under the machine's name where it listens on every address.
 */
export function relayUrl(host: string, port: number, hostname: string): string {
  if (WILDCARDS.includes(host)) return `http://${hostname}:${port}`
  if (isLoopback(host)) return `http://${host === '::1' ? '[::1]' : '127.0.0.1'}:${port}`
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}
