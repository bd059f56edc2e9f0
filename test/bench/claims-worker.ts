import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { openRedis } from '../../src/redis/data-server.ts'
import { openRedisStore } from '../../src/store/redis/store.ts'
import { RESERVATION_TTL_MS } from '../../src/store/store.ts'
import { systemClock } from '../../src/time/clock.ts'
import { FLEET } from '../conformance/store/sample.ts'

/** What the parent wants of one process. */
export interface ClaimsOrder {
  readonly url: string
  readonly instance: string
  /** Claims and releases together. */
  readonly operations: number
  /** Claims that are on their way at once. */
  readonly atOnce: number
  readonly seed: number
  /** Where the ledger goes. */
  readonly file: string
}

/** What one process found. Its ledger has for each place that it held: engine, from, to, by the machine's own clock. */
export interface ClaimsResult {
  readonly claims: number
  readonly granted: number
  readonly tookMs: number
  readonly latencies: readonly number[]
}

/** The same in all processes of a machine, ms. */
const machineNow = () => Number(process.hrtime.bigint()) / 1e6

/** A small generator that is the same everywhere (mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

async function work(order: ClaimsOrder): Promise<ClaimsResult> {
  const random = generator(order.seed)
  const redis = openRedis({ url: order.url, clock: systemClock })
  await redis.connected()
  const { instance } = order
  const store = openRedisStore({ redis, instance, newId: randomUUID, clock: systemClock })
  const ledger: number[] = []
  const latencies: number[] = []
  let left = order.operations
  let claims = 0

  /** One gateway's sessions: each is claimed, held for some turns, and given back. */
  async function client(): Promise<void> {
    while (left > 0) {
      left -= 1
      claims += 1
      const nowMs = systemClock.now()
      const id = randomUUID()
      // Some of what is asked for plays already.
      const content = `id:${Math.floor(random() * (random() < 0.25 ? 40 : 1e6))}`
      const wanted = { id, content, holder: instance, relay: '', avoid: [], instead: '' }
      const begunAt = machineNow()
      const answer = await store.claim(
        FLEET,
        { ...wanted, expiresAt: nowMs + RESERVATION_TTL_MS },
        nowMs,
      )
      const from = machineNow()
      latencies.push(from - begunAt)
      if (answer.kind !== 'claimed') continue
      if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve))
      left -= 1
      // From its answer until its release is sent nobody else may have it.
      ledger.push(Number.parseInt(answer.endpoint.slot, 10), from, machineNow())
      await store.release(FLEET, id, systemClock.now())
    }
  }

  const begunAt = machineNow()
  await Promise.all(Array.from({ length: order.atOnce }, client))
  const tookMs = machineNow() - begunAt
  writeFileSync(order.file, Float64Array.from(ledger))
  await store[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
  return { claims, granted: ledger.length / 3, tookMs, latencies: latencies.slice(-50_000) }
}

process.once('message', (order: ClaimsOrder) => {
  void work(order).then((result) => process.send?.(result, () => process.disconnect()))
})
