/** Thrown when an address of Redis can not be understood. The message quotes nothing that may be a password. */
export class RedisUrlInvalid extends Error {
  override readonly name = 'RedisUrlInvalid'
  readonly code = 'ACE_REDIS_URL_INVALID'
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Files of TLS, by path; the system's trust where no `ca` is given. */
export interface RedisTls {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  /** The name that the certificate must bear, where it is not the host's. */
  readonly servername: string | undefined
}

/** Where Redis is and how one comes in, as written; no file has been read. */
export interface RedisAddress {
  readonly target:
    | { readonly kind: 'server'; readonly at: Endpoint }
    | {
        readonly kind: 'sentinel'
        readonly sentinels: readonly Endpoint[]
        readonly master: string
      }
  readonly db: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly passwordFile: string | undefined
  readonly sentinelPasswordFile: string | undefined
  readonly tls: RedisTls | undefined
}

const SHAPE =
  /^(?<scheme>[a-z+]+):\/\/(?<authority>[^/?#]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/i
const PORT = 6379
const SENTINEL_PORT = 26379
/** What `SELECT` takes at most in any configuration worth the name. */
const MAX_DB = 65_535
const FORMS =
  'it should be redis://[user:password@]host[:port][/db], rediss://… for TLS, or ' +
  'redis+sentinel://[user:password@]host:port,host:port/MASTER[/db]'
const ENCODING = 'in user and password / is written %2F, ? %3F, # %23, @ %40, : %3A and % %25'

const TLS_KEYS = ['ca', 'cert', 'key', 'servername']

/**
 * Reads an address such as `rediss://:password@host:6379/0?ca=ca.pem`.
 * @throws {RedisUrlInvalid}
 */
export function parseRedisUrl(text: string): RedisAddress {
  const parts = SHAPE.exec(text.trim())?.groups
  const scheme = /^(redis|rediss)(\+sentinel)?$/.exec(parts?.scheme?.toLowerCase() ?? '')
  if (parts === undefined || scheme === null) throw invalid(`this is no address of Redis: ${FORMS}`)
  const { authority = '', path = '', query = '' } = parts
  // An unencoded / or ? has then cut the password short, and the rest of it must not be quoted.
  if (`${path}${query}`.includes('@')) throw invalid(`there is a @ behind the host: ${ENCODING}`)
  const isTls = scheme[1] === 'rediss'
  const isSentinel = scheme[2] !== undefined
  const at = authority.lastIndexOf('@')
  const credentials = readCredentials(at < 0 ? '' : authority.slice(0, at))
  const hosts = authority.slice(at + 1)
  // Before the options, whose names are quoted: without a host they may be the password's end.
  const place = isSentinel ? sentinelTarget(hosts, path) : serverTarget(hosts, path)
  const options = readQuery(query, isTls, isSentinel)
  const passwordFile = options.get('passwordFile')
  if (passwordFile !== undefined && credentials.password !== undefined) {
    throw invalid('there are a password and a passwordFile: only one of them can count')
  }
  return {
    ...place,
    ...credentials,
    passwordFile,
    sentinelPasswordFile: options.get('sentinelPasswordFile'),
    tls: isTls ? readTls(options) : undefined,
  }
}

/** The address for messages: without user, password and files. */
export function addressOf({ target, db, tls }: RedisAddress): string {
  const scheme = tls === undefined ? 'redis' : 'rediss'
  const tail = db === 0 ? '' : `/${db}`
  if (target.kind === 'server') return `${scheme}://${showEndpoint(target.at)}${tail}`
  return `${scheme}+sentinel://${target.sentinels.map(showEndpoint).join(',')}/${target.master}${tail}`
}

function invalid(what: string): RedisUrlInvalid {
  return new RedisUrlInvalid(what)
}

function showEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(`a % in the ${what} stands before no two hex digits: ${ENCODING}`)
  }
}

function readCredentials(text: string): Pick<RedisAddress, 'username' | 'password'> {
  const colon = text.indexOf(':')
  const [user, secret] =
    colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)]
  if (secret?.includes('@')) throw invalid(`there is a @ too many before the host: ${ENCODING}`)
  return {
    username: decode(user, 'user') || undefined,
    password: decode(secret ?? '', 'password') || undefined,
  }
}

function serverTarget(hosts: string, path: string): Pick<RedisAddress, 'target' | 'db'> {
  if (hosts.includes(',')) {
    throw invalid(
      'it names several hosts: one server is redis://host:port; several sentinels are redis+sentinel://host:port,host:port/MASTER',
    )
  }
  const at = readEndpoint(hosts, PORT, 'the host')
  return { target: { kind: 'server', at }, db: readDb(path.slice(1)) }
}

function sentinelTarget(hosts: string, path: string): Pick<RedisAddress, 'target' | 'db'> {
  const [, name = '', db = '', ...rest] = path.split('/')
  const master = decode(name, "master's name")
  if (master === '') {
    throw invalid('it does not name the master: redis+sentinel://host:port,host:port/MASTER')
  }
  if (rest.length > 0) throw invalid('behind the master comes at most the number of a database')
  const sentinels = hosts
    .split(',')
    .map((host, index) => readEndpoint(host, SENTINEL_PORT, `sentinel ${index + 1}`))
  return { target: { kind: 'sentinel', sentinels, master }, db: readDb(db) }
}

function readEndpoint(text: string, defaultPort: number, what: string): Endpoint {
  const match = /^(?:\[(?<v6>[0-9a-f:.]+)\]|(?<name>[^:[\]\s]+))(?::(?<port>\d+))?$/i.exec(text)
  const { v6, name, port } = match?.groups ?? {}
  const host = v6 ?? name
  // Not quoted: where an @ is missing, what stands here is the password.
  if (host === undefined) {
    throw invalid(`${what} is missing or not of the form host, host:port or [IPv6]:port`)
  }
  const number = port === undefined ? defaultPort : Number(port)
  if (number < 1 || number > 65_535) throw invalid(`the port of ${what} must be from 1 to 65535`)
  return { host, port: number }
}

function readDb(text: string): number {
  if (text === '') return 0
  const db = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!(db <= MAX_DB)) throw invalid('the database behind the / must be a number: 0, 1, 2 …')
  return db
}

function readQuery(query: string, isTls: boolean, isSentinel: boolean): Map<string, string> {
  const options = new Map<string, string>()
  const known = ['passwordFile', 'sentinelPasswordFile', ...TLS_KEYS]
  for (const [key, value] of new URLSearchParams(query)) {
    if (!known.includes(key)) {
      throw invalid(`the option ?${key.slice(0, 40)} is unknown: there are ${known.join(', ')}`)
    }
    if (options.has(key)) throw invalid(`the option ?${key} is given twice`)
    if (value === '') throw invalid(`the option ?${key} has no value`)
    if (TLS_KEYS.includes(key) && !isTls) {
      throw invalid(`the option ?${key} is for TLS: the address begins with rediss then`)
    }
    options.set(key, value)
  }
  if (options.has('sentinelPasswordFile') && !isSentinel) {
    throw invalid('the option ?sentinelPasswordFile is for redis+sentinel:// only')
  }
  return options
}

function readTls(options: ReadonlyMap<string, string>): RedisTls {
  if (options.has('cert') !== options.has('key')) {
    throw invalid('a client certificate takes two files: ?cert=FILE&key=FILE')
  }
  return {
    ca: options.get('ca'),
    cert: options.get('cert'),
    key: options.get('key'),
    servername: options.get('servername'),
  }
}
