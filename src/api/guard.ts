import { isIP } from 'node:net'
import type { MiddlewareHandler } from 'hono'
import { Problem } from './problem.ts'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A name that no web page's owner can point at this machine: an address, localhost, or one without a dot. */
function isLocalName(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '')
  return isIP(bare) !== 0 || bare.endsWith('.localhost') || !bare.includes('.')
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  const url = URL.parse(origin)
  // `Origin: null`, a sandboxed frame's, parses as no URL.
  return url !== null && url.host === host && isLocalName(url.hostname)
}

/**
 * Keeps web pages from changing the fleet through a visitor's browser. Browsers send Origin with every POST: it must
 * be this server's own, under a name that cannot be rebound. A JSON content type keeps plain forms out altogether.
 * Programs send no Origin and are not affected.
 */
export const guardMutations: MiddlewareHandler = async (context, next) => {
  if (SAFE_METHODS.has(context.req.method)) return next()
  const origin = context.req.header('Origin')
  const site = context.req.header('Sec-Fetch-Site')
  const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none'
  if (isForeignSite || (origin !== undefined && !isOwnOrigin(origin, context.req.header('Host')))) {
    throw new Problem(403, 'changes are not taken from web pages of another site')
  }
  const type = context.req.header('Content-Type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    throw new Problem(415, 'send it with the header "Content-Type: application/json"')
  }
  return next()
}
