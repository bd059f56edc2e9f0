import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redisCommand, type StartedRedis, startRedis } from './redis.ts'
import { HOST, killProcess, startOnFreePort, startProcess } from './redis-process.ts'

export interface SentinelSetOptions {
  readonly sentinels?: 1 | 3
  readonly downAfterMs?: number
  /** Of master and replica. */
  readonly password?: string
  /** Of the sentinels themselves. */
  readonly sentinelPassword?: string
}

/** A master, a replica, and the sentinels that watch over them. */
export interface SentinelSet extends AsyncDisposable {
  /** As acefleet's `--redis` takes it, credentials included. */
  readonly url: string
  /** The first master; a replica or gone after a failover. */
  readonly master: StartedRedis
  /** The first replica; master after a failover. */
  readonly replica: StartedRedis
  /** Has the sentinels promote the replica now, while the master may still live. */
  failover(): Promise<void>
}

/** A replica is in step within a second, sentinels hear of each other within two. */
const SETTLE_TIMEOUT_MS = 30_000
const MASTER_NAME = 'acefleet'

/** Starts the set and waits until the replica is in step and each sentinel knows it. */
export async function startSentinelSet(options: SentinelSetOptions = {}): Promise<SentinelSet> {
  const { sentinels: count = 1, password, sentinelPassword } = options
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-sentinels-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const secret = password === undefined ? {} : { password }
  const config = ['repl-timeout 5']
  const master = stack.use(await startRedis({ ...secret, config }))
  const replicaOf = { host: HOST, port: master.port }
  const replica = stack.use(await startRedis({ ...secret, config, replicaOf }))
  await until(async () => /master_link_status:up/.test(String(await replica.command('info'))))
  const ports: number[] = []
  for (let k = 0; k < count; k++) {
    const sentinel = stack.use(await startSentinel(join(folder, `${k}.conf`), master.port, options))
    ports.push(sentinel.port)
  }
  const ask = (port: number, ...args: string[]) =>
    redisCommand(
      port,
      sentinelPassword === undefined ? {} : { password: sentinelPassword },
      'sentinel',
      args,
    )
  const countKnown = async (port: number, what: string) => {
    const known = await ask(port, what, MASTER_NAME)
    return Array.isArray(known) ? known.length : 0
  }
  for (const port of ports) {
    await until(async () => (await countKnown(port, 'replicas')) === 1)
    await until(async () => (await countKnown(port, 'sentinels')) === count - 1)
  }
  const owned = stack.move()
  return {
    url: urlOf(ports, folder, options),
    master,
    replica,
    async failover() {
      await ask(ports[0] ?? 0, 'failover', MASTER_NAME)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function urlOf(ports: readonly number[], folder: string, options: SentinelSetOptions): string {
  const { password, sentinelPassword } = options
  const credentials = password === undefined ? '' : `:${encodeURIComponent(password)}@`
  const places = ports.map((port) => `${HOST}:${port}`).join(',')
  const url = `redis+sentinel://${credentials}${places}/${MASTER_NAME}`
  if (sentinelPassword === undefined) return url
  const file = join(folder, 'password')
  writeFileSync(file, sentinelPassword)
  return `${url}?sentinelPasswordFile=${file}`
}

async function startSentinel(
  file: string,
  masterPort: number,
  { sentinels = 1, downAfterMs = 500, password, sentinelPassword }: SentinelSetOptions,
) {
  const quorum = Math.floor(sentinels / 2) + 1
  const { port, child } = await startOnFreePort(undefined, (port) => {
    const lines = [
      `port ${port}`,
      `bind ${HOST}`,
      `sentinel monitor ${MASTER_NAME} ${HOST} ${masterPort} ${quorum}`,
      `sentinel down-after-milliseconds ${MASTER_NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${MASTER_NAME} 5000`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${MASTER_NAME} ${password}`]),
      ...(sentinelPassword === undefined
        ? []
        : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
    ]
    writeFileSync(file, lines.join('\n'))
    return startProcess([file, '--sentinel'])
  })
  return { port, [Symbol.asyncDispose]: () => killProcess(child) }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + SETTLE_TIMEOUT_MS
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error('what was waited for did not come to be')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
