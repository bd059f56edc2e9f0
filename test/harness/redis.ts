import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

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

const HOST = '127.0.0.1'
/** On a busy machine a start takes hundreds of ms. */
const START_TIMEOUT_MS = 30_000
const IS_READY = /Ready to accept connections|\+monitor master/
const PORT_ATTEMPTS = 5

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
    oneCommand(port, options, name, args)
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

async function oneCommand(
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

/** Somebody else may take a port between our look and the server's: then another one is tried. */
async function startOnFreePort(
  wanted: number | undefined,
  start: (port: number) => Promise<ChildProcess>,
): Promise<{ port: number; child: ChildProcess }> {
  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await freePort())
    try {
      return { port, child: await start(port) }
    } catch (error) {
      if (wanted !== undefined || attempt === PORT_ATTEMPTS) throw error
    }
  }
}

/** A TCP port on which nobody listens at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no TCP port was given')
  return address.port
}

/** The kernel kills it when this process ends, be it by SIGKILL; setpriv replaces itself by the server, so the pid stays. */
async function startProcess(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'redis-server', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const failed = (why: string) => reject(new Error(`redis-server ${why}:\n${said}`))
  const timer = setTimeout(() => failed('did not start in time'), START_TIMEOUT_MS)
  child.once('error', (error) => failed(`could not be started (${error.message})`))
  child.once('exit', () => failed('ended'))
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    if (IS_READY.test(said)) return
    said += chunk
    if (IS_READY.test(said)) resolve()
  })
  try {
    await promise
    return child
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

export interface SentinelSetOptions {
  readonly sentinels?: 1 | 3
  readonly downAfterMs?: number
}

/** A master, a replica, and the sentinels that watch over them. */
export interface SentinelSet extends AsyncDisposable {
  /** As acefleet's `--redis` takes it. */
  readonly url: string
  /** The first master; a replica or gone after a failover. */
  readonly master: StartedRedis
  /** The first replica; master after a failover. */
  readonly replica: StartedRedis
  /** Has the sentinels promote the replica now, while the master may still live. */
  failover(): Promise<void>
}

const MASTER_NAME = 'acefleet'

/** Starts the set and waits until the replica is in step and each sentinel knows it. */
export async function startSentinelSet(options: SentinelSetOptions = {}): Promise<SentinelSet> {
  const { sentinels: count = 1, downAfterMs = 500 } = options
  await using stack = new AsyncDisposableStack()
  const master = stack.use(await startRedis({ config: ['repl-timeout 5'] }))
  const replica = stack.use(
    await startRedis({ replicaOf: { host: HOST, port: master.port }, config: ['repl-timeout 5'] }),
  )
  await until(async () => /master_link_status:up/.test(String(await replica.command('info'))))
  const quorum = Math.floor(count / 2) + 1
  const watchers = await Promise.all(
    Array.from({ length: count }, () => startSentinel(master.port, quorum, downAfterMs)),
  )
  for (const watcher of watchers) stack.defer(() => watcher.stop())
  const ask = (port: number, ...args: string[]) => oneCommand(port, {}, 'sentinel', args)
  await until(async () => {
    const known = await Promise.all(
      watchers.map(async ({ port }) => [
        await ask(port, 'replicas', MASTER_NAME),
        await ask(port, 'sentinels', MASTER_NAME),
      ]),
    )
    return known.every(
      ([replicas, others]) =>
        Array.isArray(replicas) &&
        replicas.length === 1 &&
        Array.isArray(others) &&
        others.length === count - 1,
    )
  })
  const owned = stack.move()
  const places = watchers.map(({ port }) => `${HOST}:${port}`).join(',')
  return {
    url: `redis+sentinel://${places}/${MASTER_NAME}`,
    master,
    replica,
    async failover() {
      await ask(watchers[0]?.port ?? 0, 'failover', MASTER_NAME)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function startSentinel(masterPort: number, quorum: number, downAfterMs: number) {
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-sentinel-'))
  const { port, child } = await startOnFreePort(undefined, (port) => {
    const file = join(folder, 'sentinel.conf')
    const lines = [
      `port ${port}`,
      `bind ${HOST}`,
      `dir ${folder}`,
      `sentinel monitor ${MASTER_NAME} ${HOST} ${masterPort} ${quorum}`,
      `sentinel down-after-milliseconds ${MASTER_NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${MASTER_NAME} 5000`,
    ]
    writeFileSync(file, lines.join('\n'))
    return startProcess([file, '--sentinel'])
  })
  return {
    port,
    async stop() {
      await killProcess(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + START_TIMEOUT_MS
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error('what was waited for did not come to be')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
