import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { HOST, killProcess, startOnFreePort, startProcess } from './redis-process.ts'

/** PEM files for both sides of a TLS connection. */
export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export interface StartRedisOptions {
  /** A free one by default. */
  readonly port?: number
  /** Whether writes outlive a restart (`appendfsync always`). Nothing does by default. */
  readonly appendOnly?: boolean
  /** Of the default user. */
  readonly password?: string
  /** The only one who may come in; the default user is off then. */
  readonly user?: { readonly name: string; readonly password: string }
  /** Then it takes TLS connections only, and asks for a client certificate. */
  readonly tls?: TlsFiles
  readonly replicaOf?: { readonly host: string; readonly port: number }
  /** Further lines of redis.conf. */
  readonly config?: readonly string[]
}

/** A redis-server of the test's own. */
export interface StartedRedis extends AsyncDisposable {
  /** As acefleet's flags take it, credentials and TLS files included. */
  readonly url: string
  readonly port: number
  /** Of the present process; another one after a restart. */
  readonly pid: number
  signal(signal: NodeJS.Signals): void
  /** SIGKILL; resolves when it is gone. Idempotent. */
  kill(): Promise<void>
  /** Kills it if it runs, and starts it on the same port: empty unless append-only. */
  restart(): Promise<void>
  flushAll(): Promise<void>
  /** Sends one command on a connection of its own. */
  command(name: string, ...args: (string | number)[]): Promise<unknown>
}

/** Starts a server and waits until it takes connections. It dies with this process, however that ends. */
export async function startRedis(options: StartRedisOptions = {}): Promise<StartedRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-redis-'))
  try {
    const { port, child } = await startOnFreePort(options.port, (port) => {
      const file = join(folder, 'redis.conf')
      writeFileSync(file, redisConfig(folder, port, options).join('\n'))
      return startProcess([file])
    })
    return overRedis(folder, port, child, options)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function overRedis(
  folder: string,
  port: number,
  first: ChildProcess,
  options: StartRedisOptions,
): StartedRedis {
  let child = first
  const command = (name: string, ...args: (string | number)[]) =>
    redisCommand(port, options, name, args)
  const kill = () => killProcess(child)
  return {
    url: urlOf(port, options),
    port,
    get pid() {
      return child.pid ?? 0
    },
    signal: (signal) => {
      child.kill(signal)
    },
    kill,
    async restart() {
      await kill()
      child = await startProcess([join(folder, 'redis.conf')])
    },
    async flushAll() {
      await command('flushall')
    },
    command,
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function redisConfig(folder: string, port: number, options: StartRedisOptions): string[] {
  const { tls, user, password, replicaOf } = options
  return [
    `dir ${folder}`,
    `bind ${HOST}`,
    'save ""',
    'maxmemory-policy noeviction',
    'repl-diskless-sync-delay 0',
    options.appendOnly ? 'appendonly yes\nappendfsync always' : 'appendonly no',
    ...(tls === undefined
      ? [`port ${port}`]
      : [
          'port 0',
          `tls-port ${port}`,
          `tls-ca-cert-file ${tls.ca}`,
          `tls-cert-file ${tls.cert}`,
          `tls-key-file ${tls.key}`,
        ]),
    ...(password === undefined ? [] : [`requirepass ${password}`, `masterauth ${password}`]),
    ...(user === undefined
      ? []
      : ['user default off', `user ${user.name} on >${user.password} ~* &* +@all`]),
    ...(replicaOf === undefined ? [] : [`replicaof ${replicaOf.host} ${replicaOf.port}`]),
    ...(options.config ?? []),
  ]
}

function urlOf(port: number, { tls, user, password }: StartRedisOptions): string {
  const name = encodeURIComponent(user?.name ?? '')
  const secret = user?.password ?? password
  const credentials = secret === undefined ? '' : `${name}:${encodeURIComponent(secret)}@`
  const place = `${credentials}${HOST}:${port}`
  if (tls === undefined) return `redis://${place}`
  return `rediss://${place}?${new URLSearchParams({ ca: tls.ca, cert: tls.cert, key: tls.key })}`
}

/** Sends one command on a connection of its own. */
export async function redisCommand(
  port: number,
  { tls, user, password }: StartRedisOptions,
  name: string,
  args: readonly (string | number)[],
): Promise<unknown> {
  const client = new Redis({
    host: HOST,
    port,
    retryStrategy: null,
    ...(user === undefined ? {} : { username: user.name }),
    ...(user === undefined && password === undefined
      ? {}
      : { password: user?.password ?? password }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ca: readFileSync(tls.ca),
            cert: readFileSync(tls.cert),
            key: readFileSync(tls.key),
          },
        }),
  })
  client.on('error', () => {})
  try {
    return await client.call(name, ...args)
  } finally {
    client.disconnect()
  }
}
