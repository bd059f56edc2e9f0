import type { LeaseServers } from '../../src/lease/servers.ts'
import type { LeaseServersBench } from '../conformance/lease-servers/bench.ts'
import { describeLeaseServers } from '../conformance/lease-servers.ts'
import { makeFakeLeaseServers } from './fake-lease-servers.ts'
import { makeRandom } from './random.ts'
import { makeVirtualClock } from './virtual-clock.ts'

/** Longer than any single request takes, ms. */
const PATIENCE_MS = 5_000

/** Servers in virtual time, which goes on while a test waits for an answer. */
async function openFakes(count: number): Promise<LeaseServersBench> {
  const clock = makeVirtualClock()
  const random = makeRandom(count)
  const fakes = makeFakeLeaseServers({
    ...{ clock, count, attemptMs: 400 },
    latencyMs: () => random.int(1, 40),
  })
  const at = (k: number) => {
    const server = fakes.servers[k]
    if (server === undefined) throw new RangeError(`there is no server ${k}`)
    return server
  }

  async function inTime<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    if (!(await clock.runUntil(() => isDone, PATIENCE_MS))) throw new Error('it never ended')
    return await work
  }

  let clients = 0
  return {
    async client(): Promise<LeaseServers> {
      const client = fakes.client(clock.process(`client-${++clients}`))
      await inTime(client.readEpoch('nothing'))
      // Let those answer that the majority did not wait for.
      await clock.advance(500)
      return {
        acquire: async (name, ttlMs) => {
          const grant = await inTime(client.acquire(name, ttlMs))
          return (
            grant && {
              extend: (forMs) => inTime(grant.extend(forMs)),
              release: () => inTime(grant.release()),
            }
          )
        },
        readEpoch: (name) => inTime(client.readEpoch(name)),
        raiseEpoch: (name, epoch) => inTime(client.raiseEpoch(name, epoch)),
      }
    },
    kill: async (k) => at(k).kill(),
    start: async (k) => at(k).start(),
    freeze: async (k) => at(k).freeze(),
    thaw: async (k) => at(k).thaw(),
    flush: async (k) => at(k).flush(),
    pass: (ms) => clock.advance(ms),
    async [Symbol.asyncDispose]() {},
  }
}

describeLeaseServers('fake', openFakes)
