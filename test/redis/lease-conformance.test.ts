import { vi } from 'vitest'
import { type OpenLeaseServers, openLeaseServers } from '../../src/redis/lease-servers.ts'
import { systemClock } from '../../src/time/clock.ts'
import type { LeaseServersBench } from '../conformance/lease-servers/bench.ts'
import { describeLeaseServers } from '../conformance/lease-servers.ts'
import { startRedis } from '../harness/redis.ts'

// Leases that lapse and servers that come back take seconds of real time, and longer on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** Long enough for a machine with many tests at once, ms. */
const COMMAND_TIMEOUT_MS = 1_000
const CONNECTED = { timeout: 20_000, interval: 20 }

/** Real servers in real time. */
async function openReal(count: number): Promise<LeaseServersBench> {
  await using stack = new AsyncDisposableStack()
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis()))
  for (const server of servers) stack.use(server)
  const silent = new Set<number>()
  const at = (k: number) => {
    const server = servers[k]
    if (server === undefined) throw new RangeError(`there is no server ${k}`)
    return server
  }
  const clients: OpenLeaseServers[] = []
  stack.defer(async () => {
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
  })
  const owned = stack.move()
  return {
    async client() {
      const urls = servers.map(({ url }) => url)
      const client = openLeaseServers({
        ...{ urls, prefix: 'acefleet:test:', clock: systemClock },
        commandTimeoutMs: COMMAND_TIMEOUT_MS,
      })
      clients.push(client)
      await vi.waitUntil(
        () => client.states().every(({ trouble }, k) => trouble === undefined || silent.has(k)),
        CONNECTED,
      )
      return client
    },
    async kill(k) {
      silent.add(k)
      await at(k).kill()
    },
    async start(k) {
      await at(k).restart()
      silent.delete(k)
    },
    async freeze(k) {
      silent.add(k)
      at(k).signal('SIGSTOP')
    },
    async thaw(k) {
      at(k).signal('SIGCONT')
      silent.delete(k)
    },
    flush: (k) => at(k).flushAll(),
    pass: (ms) => systemClock.sleep(ms),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

describeLeaseServers('redis', openReal)
