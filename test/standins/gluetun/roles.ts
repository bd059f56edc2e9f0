import type { IncomingHttpHeaders } from 'node:http'
import { type Release, traitsOf } from './release.ts'
import { readTables, type TomlTable } from './toml.ts'

/** Who may ask which routes: a table of `/gluetun/auth/config.toml`. */
export interface Role {
  readonly name: string
  readonly auth: 'none' | 'basic' | 'apikey'
  readonly apikey: string
  readonly username: string
  readonly password: string
  readonly routes: readonly string[]
}

/** Thrown when a role is none that Gluetun would start with. */
export class BadRole extends Error {
  override readonly name = 'BadRole'
  readonly code = 'STANDIN_BAD_ROLE'
}

const fields: readonly string[] = ['name', 'auth', 'apikey', 'username', 'password']

/** Reads the role file: as strict as Gluetun, which does not start on a key that it does not know. */
export function readRoles(text: string): readonly Role[] {
  return readTables(text, 'roles').map((table) => {
    for (const key of table.keys()) {
      if (key !== 'routes' && !fields.includes(key)) {
        throw new BadRole(`strict mode: a role has no field ${key}`)
      }
    }
    const routes = table.get('routes') ?? []
    if (typeof routes === 'string') throw new BadRole('routes must be a list')
    return checkRole({ ...wordsOf(table), routes })
  })
}

type Words = Readonly<Record<string, unknown>>

function wordsOf(table: TomlTable): Words {
  return Object.fromEntries([...table].filter(([key]) => key !== 'routes'))
}

/** Reads HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE; undefined when it names no way to authenticate. */
export function readDefaultRole(text: string): Role | undefined {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null)
    throw new BadRole('the default role is no object')
  for (const key of Object.keys(value)) {
    if (!fields.includes(key)) throw new BadRole(`the default role has no field ${key}`)
  }
  const words = value as Words
  return words.auth ? checkRole({ name: 'default', ...words, routes: [] }) : undefined
}

function checkRole(given: Words & { readonly routes: readonly string[] }): Role {
  const word = (field: string): string => {
    const value = given[field] ?? ''
    if (typeof value !== 'string') throw new BadRole(`${field} must be a string`)
    return value
  }
  const auth = word('auth')
  if (auth !== 'none' && auth !== 'basic' && auth !== 'apikey') {
    throw new BadRole(`authentication method not supported: ${auth}`)
  }
  const role = { apikey: word('apikey'), username: word('username'), password: word('password') }
  const name = word('name')
  if (auth === 'apikey' && !role.apikey) throw new BadRole(`for role ${name}: api key is empty`)
  if (auth === 'basic' && !role.username) throw new BadRole(`for role ${name}: username is empty`)
  if (auth === 'basic' && !role.password) throw new BadRole(`for role ${name}: password is empty`)
  return { name, auth, ...role, routes: given.routes }
}

/** What authentication goes by. */
export interface Caller {
  readonly headers: IncomingHttpHeaders
  readonly query: URLSearchParams
}

function admits(role: Role, { headers, query }: Caller): boolean {
  switch (role.auth) {
    case 'none':
      return true
    case 'apikey':
      return (headers['x-api-key'] || query.get('api_key')) === role.apikey
    case 'basic': {
      const credentials = Buffer.from(`${role.username}:${role.password}`).toString('base64')
      return headers.authorization === `Basic ${credentials}`
    }
  }
}

/** A release's roles by route, `METHOD /path`. */
export interface Access {
  /** Whether the caller may; with the header of the 401 when it may not and a password would do. */
  readonly check: (route: string, caller: Caller) => true | { readonly challenge: boolean }
}

/** The configured roles, then the default one for what they leave, then what the release leaves open. */
export function makeAccess(
  release: Release,
  routes: ReadonlyMap<string, { readonly isPublic: boolean }>,
  configured: readonly Role[],
  fallback: Role | undefined,
): Access {
  const { hasRoles, hasPublicRole } = traitsOf(release)
  if (!hasRoles) return { check: () => true }
  for (const { name, routes: named } of configured) {
    const unknown = named.find((route) => !routes.has(route))
    if (unknown !== undefined) {
      throw new BadRole(`role ${name}: route not supported by the control server: ${unknown}`)
    }
  }
  return {
    check: (route, caller) => {
      const named = configured.filter((role) => role.routes.includes(route))
      const roles = named.length > 0 || fallback === undefined ? named : [fallback]
      if (roles.some((role) => admits(role, caller))) return true
      if (roles.length === 0 && hasPublicRole && routes.get(route)?.isPublic) return true
      return {
        challenge: roles.some(({ auth }) => auth === 'basic') && !caller.headers.authorization,
      }
    },
  }
}
