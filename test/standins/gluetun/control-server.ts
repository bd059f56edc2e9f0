import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { BadBody, readJson } from '../common/body.ts'
import { type Release, traitsOf } from './release.ts'
import { type Access, BadRole, makeAccess, type Role } from './roles.ts'
import { json, type Reply, type Routes, refuse, routesOf } from './routes.ts'
import type { GluetunSettings } from './settings.ts'
import { BadState, parseChange } from './state.ts'
import type { Tunnel } from './tunnel.ts'

export interface ControlParts {
  readonly settings: Pick<GluetunSettings, 'keyRole' | 'defaultRole'>
  /** Of the role file. */
  readonly roles: readonly Role[]
  readonly tunnel: Tunnel
  /** Ends the container, as Gluetun does when a loop of its own crashes. */
  readonly exit: (why: string) => void
  /** The stand-in was told something by its own endpoint, which answers once this is done. */
  readonly onTold: () => Promise<void>
}

interface Generation {
  readonly routes: Routes
  readonly access: Access
}

/** What the control server is in one release. @throws {BadRole} */
export function generationOf(
  release: Release,
  { settings, roles, tunnel }: ControlParts,
): Generation {
  const routes = routesOf(release, tunnel)
  const { hasDefaultRole } = traitsOf(release)
  const fallback = settings.keyRole ?? (hasDefaultRole ? settings.defaultRole : undefined)
  return { routes, access: makeAccess(release, routes, roles, fallback) }
}

/** The control server of the release of the moment, all bodies text/plain, and `/standin/…`, which always answers. */
export function createControlServer(parts: ControlParts): Server {
  const own = ownReply(parts)
  const { tunnel } = parts
  const held = new Set<ServerResponse>()
  let known: readonly [Release, Generation] | undefined
  const generation = (): Generation => {
    const { release } = tunnel.state()
    if (known?.[0] !== release) known = [release, generationOf(release, parts)]
    return known[1]
  }
  return createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://gluetun')
    if (url.pathname.startsWith('/standin/')) {
      void respond(response, async () => {
        const reply = await own(request, url.pathname)
        // Who has waited for a hung server finds the connection closed, not an answer from nowhere.
        if (tunnel.state().control !== 'hang') for (const each of held) each.destroy()
        return reply
      })
      return
    }
    const { control, release } = tunnel.state()
    if (control === 'hang') {
      held.add(response)
      response.on('close', () => held.delete(response))
    } else if (control === '500') send(response, refuse(500, 'the stand-in was told to fail'))
    else if (control === 'refuse') response.destroy()
    else {
      const isCut = control === 'cut'
      void respond(response, () => replyTo(request, url, release, generation()), isCut)
    }
  })
}

/** The stand-in's own endpoint alone, for a port that is open when the control server's is not. */
export function createOwnServer(parts: ControlParts): Server {
  const own = ownReply(parts)
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://gluetun')
    void respond(response, () => own(request, pathname))
  })
}

/** Never rejects: what fails is answered. */
async function respond(
  response: ServerResponse,
  reply: () => Promise<Reply>,
  isCut = false,
): Promise<void> {
  let answer: Reply
  try {
    answer = await reply()
  } catch (error) {
    const isCallers = [BadBody, BadState, BadRole].some((kind) => error instanceof kind)
    answer = refuse(isCallers ? 400 : 500, String(error))
  }
  if (isCut) response.destroy()
  else send(response, answer)
}

async function replyTo(
  request: IncomingMessage,
  { pathname, searchParams }: URL,
  release: Release,
  { routes, access }: Generation,
): Promise<Reply> {
  const { hasRoles, tellsUnknown } = traitsOf(release)
  // Without roles in the way a slash at the end does not matter.
  const path = hasRoles ? pathname : pathname.replace(/(?<=.)\/$/, '')
  const key = `${request.method} ${path}`
  const route = routes.get(key)
  if (tellsUnknown && route === undefined) {
    const isPath = [...routes.keys()].some((known) => known.split(' ')[1] === path)
    return isPath ? refuse(405, 'Method Not Allowed') : refuse(404, 'Not Found')
  }
  const verdict = access.check(key, { headers: request.headers, query: searchParams })
  if (verdict !== true) return unauthorized(verdict.challenge)
  if (route !== undefined) return route.answer(request)
  return refuse(400, `${key.replace(' /v1', ' ')} not found`)
}

function unauthorized(challenge: boolean): Reply {
  const realm = { 'WWW-Authenticate': 'Basic realm="restricted", charset="UTF-8"' }
  return { ...refuse(401, 'Unauthorized'), ...(challenge && { headers: realm }) }
}

/** For an answer to be on its way before the process ends. */
const answerMs = 20

/** `GET|POST /standin/state` and `POST /standin/event`. */
function ownReply(parts: ControlParts) {
  const { tunnel, exit, onTold } = parts
  return async (request: IncomingMessage, pathname: string): Promise<Reply> => {
    const asked = `${request.method} ${pathname}`
    if (asked === 'GET /standin/state') return json(tunnel.state())
    if (asked === 'POST /standin/state') {
      const change = parseChange(await readJson(request))
      // A release that would not start with these roles is not entered.
      if (change.release !== undefined) generationOf(change.release, parts)
      const state = tunnel.change(change)
      await onTold()
      return json(state)
    }
    if (asked === 'POST /standin/event') {
      const { event } = Object(await readJson(request)) as { event?: unknown }
      if (event === 'reconnect') tunnel.reconnect()
      else if (event === 'crash') setTimeout(() => exit('port forwarding loop crashed'), answerMs)
      else throw new BadState('event must be reconnect or crash')
      return json(tunnel.state())
    }
    return refuse(404, 'there are GET and POST /standin/state and POST /standin/event')
  }
}

function send(response: ServerResponse, { status, body, headers }: Reply): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}
