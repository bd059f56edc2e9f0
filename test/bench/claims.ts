import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerId } from '../../src/docker/port.ts'
import { openRedis } from '../../src/redis/data-server.ts'
import { openRedisStore } from '../../src/store/redis/store.ts'
import { RESERVATION_TTL_MS } from '../../src/store/store.ts'
import { systemClock } from '../../src/time/clock.ts'
import { endpoint, FLEET, fleetStatus, leadFrom } from '../conformance/store/sample.ts'
import { startRedis } from '../harness/redis.ts'
import type { BenchRun, Figures } from './bench.ts'
import type { ClaimsOrder, ClaimsResult } from './claims-worker.ts'
import { percentile, round } from './figures.ts'
import { cpuMs } from './process-usage.ts'

const PROCESSES = 3
/** As in the storm of the analysis. */
const ENGINES = 17
const MAX_STREAMS = 2
/** Claims and releases of all processes. */
const OPERATIONS = 1_000_000
/** Claims on their way in each process: enough to keep a server busy. */
const AT_ONCE = 32
const MEASURED = { atOnce: 50, operations: 20_000 }

async function runWorkers(orders: readonly ClaimsOrder[]): Promise<readonly ClaimsResult[]> {
  return await Promise.all(
    orders.map(async (order) => {
      const child = fork(new URL('./claims-worker.ts', import.meta.url))
      try {
        child.send(order)
        const [result] = await once(child, 'message')
        return result as ClaimsResult
      } finally {
        child.kill()
      }
    }),
  )
}

/** Places that were held beyond the engine's number, by what their holders knew themselves; the store is not asked. */
function countOver(ledgers: readonly Float64Array[], most: number): number {
  const changes: { readonly engine: number; readonly at: number; readonly by: 1 | -1 }[] = []
  for (const ledger of ledgers) {
    for (let i = 0; i + 2 < ledger.length; i += 3) {
      const engine = ledger[i] ?? 0
      changes.push({ engine, at: ledger[i + 1] ?? 0, by: 1 })
      changes.push({ engine, at: ledger[i + 2] ?? 0, by: -1 })
    }
  }
  // At one instant, what ends comes first.
  changes.sort((a, b) => a.at - b.at || a.by - b.by)
  const held = new Map<number, number>()
  let over = 0
  for (const { engine, by } of changes) {
    const now = (held.get(engine) ?? 0) + by
    held.set(engine, now)
    if (by === 1 && now > most) over += 1
  }
  return over
}

/** Claims per second that one Redis takes from three gateways, how long one waits among 50, and whether any was one too many. */
export async function claims({ say }: BenchRun): Promise<Figures> {
  await using server = await startRedis()
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-claims-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const redis = openRedis({ url: server.url, clock: systemClock })
  stack.use<AsyncDisposable>(redis)
  await redis.connected()
  const instance = randomUUID()
  const store = stack.use(
    openRedisStore({ redis, instance, newId: randomUUID, clock: systemClock }),
  )
  const epoch = await leadFrom(store, systemClock.now())
  const engines = Array.from({ length: ENGINES }, (_, n) =>
    endpoint(epoch, {
      containerId: n.toString(16).padStart(64, '0') as ContainerId,
      slot: String(n),
      maxStreams: MAX_STREAMS,
    }),
  )
  await store.publish(FLEET, epoch, fleetStatus(epoch), engines)
  say('a new store waits for sessions that it may have forgotten')
  await sleep(RESERVATION_TTL_MS + 100)

  const order = (n: number, change: { readonly atOnce: number; readonly operations: number }) => {
    return { url: server.url, instance, seed: n, file: join(folder, `${n}`), ...change }
  }
  say(`${MEASURED.atOnce} at once, one process`)
  const [alone] = await runWorkers([order(100, MEASURED)])
  const p99 = percentile(alone?.latencies ?? [], 99)
  say(`${OPERATIONS} claims and releases, ${PROCESSES} processes, ${ENGINES * MAX_STREAMS} places`)
  const each = { atOnce: AT_ONCE, operations: Math.ceil(OPERATIONS / PROCESSES) }
  const orders = Array.from({ length: PROCESSES }, (_, n) => order(n, each))
  const before = cpuMs(server.pid)
  const results = await runWorkers(orders)
  const serverMs = cpuMs(server.pid) - before
  const total = results.reduce((sum, { claims: count }) => sum + count, 0)
  const granted = results.reduce((sum, result) => sum + result.granted, 0)
  const slowestMs = Math.max(...results.map(({ tookMs }) => tookMs))
  const ledgers = orders.map(({ file }) => new Float64Array(readFileSync(file).buffer))
  say(`${granted} of ${total} claims got a place`)
  return {
    per_s: round((total * 1_000) / slowestMs, 0),
    operations_per_s: round(((total + granted) * 1_000) / slowestMs, 0),
    server_us_per_operation: round((serverMs * 1_000) / (total + granted), 1),
    p99_ms_50: round(p99),
    over: countOver(ledgers, MAX_STREAMS),
  }
}
