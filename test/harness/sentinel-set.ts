import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redisCommand, type StartedRedis, startRedis } from './redis.ts'
import { HOST, killProcess, startOnFreePort, startProcess } from './redis-process.ts'

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

/** A replica is in step within a second, sentinels hear of each other within two. */
const SETTLE_TIMEOUT_MS = 30_000
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
  const ask = (port: number, ...args: string[]) => redisCommand(port, {}, 'sentinel', args)
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
  const giveUpAt = performance.now() + SETTLE_TIMEOUT_MS
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error('what was waited for did not come to be')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
