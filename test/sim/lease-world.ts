import { embeddedLeaseSource } from '../../src/lease/embedded.ts'
import { servedLeaseSource } from '../../src/lease/keeper.ts'
import type { LeaseSource } from '../../src/lease/lease.ts'
import { leaseTiming } from '../../src/lease/timing.ts'
import type { FakeLeaseServer } from './fake-lease-server.ts'
import { type FakeLeaseClient, makeFakeLeaseServers } from './fake-lease-servers.ts'
import type { Random } from './random.ts'
import { FLEET } from './sim-fleet.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** The defaults. */
export const TIMING = leaseTiming()

/** ms on the way to a lease server, and back. */
const LATENCY_MS = [0, 3] as const

/** Who may act on the one fleet, and who says so. */
export interface LeaseWorld {
  /** A new process's way to a lease. */
  source(process: SimProcess): LeaseSource
  /** Whom those who keep the lease would name in this tick. */
  holder(): string | undefined
  /** Whether they granted it to a process for longer than until now, be it that they have forgotten. */
  isPromised(process: string): boolean
  /** None where the lease is a file's lock. */
  readonly servers: readonly FakeLeaseServer[]
  /** A server loses all that it knew, and goes on or restarts. */
  forget(k: number, how: 'flush' | 'restart'): void
  /** Between one process and one server. */
  setCut(process: string, k: number, isCut: boolean): void
  loseReplies(process: string, k: number, count: number): void
}

/** A lock on the data directory: whoever runs holds it until it dies. */
export function lockedLeases(): LeaseWorld {
  let holding: SimProcess | undefined
  const holder = () => (holding?.state === 'dead' ? undefined : holding?.name)
  return {
    source(process) {
      holding = process
      return embeddedLeaseSource({ assertHeld: () => {}, lost: new AbortController().signal })
    },
    holder,
    isPromised: (process) => holder() === process,
    servers: [],
    forget: () => {},
    setCut: () => {},
    loseReplies: () => {},
  }
}

export interface ServedLeasesParts {
  readonly clock: VirtualClock
  readonly random: Random
  /** 1, 3 or 5. */
  readonly count: number
  readonly onSent: (process: SimProcess) => void
}

/** Leases by a majority of servers, kept by the real keeper. */
export function servedLeases({ clock, random, count, onSent }: ServedLeasesParts): LeaseWorld {
  const latency = random.fork('latency')
  const { servers, client } = makeFakeLeaseServers({
    ...{ clock, count, attemptMs: TIMING.attemptMs, onSent },
    latencyMs: () => latency.int(...LATENCY_MS),
  })
  const clients = new Map<string, FakeLeaseClient>()
  /** Grants that a server forgot before their time. */
  const forgotten: { readonly k: number; readonly by: string; readonly until: number }[] = []
  const quorum = Math.floor(count / 2) + 1

  const keeps = (k: number) => servers[k]?.holder(FLEET)?.split('#')[0]
  const kept = (k: number, process: string) =>
    keeps(k) === process ||
    forgotten.some((each) => each.k === k && each.by === process && clock.monotonic() < each.until)
  const has = (process: string, vote: (k: number, process: string) => boolean) =>
    servers.filter((_, k) => vote(k, process)).length >= quorum

  return {
    source(process) {
      const own = client(process)
      clients.set(process.name, own)
      const chance = random.fork(process.name)
      return servedLeaseSource({
        ...{ servers: own, clock: process.clock, random: chance.next, timing: TIMING },
      })
    },
    holder: () => servers.map((_, k) => keeps(k)).find((by) => by !== undefined && has(by, isKept)),
    isPromised: (process) => has(process, kept),
    servers,
    forget(k, how) {
      const by = keeps(k)
      if (by !== undefined) forgotten.push({ k, by, until: clock.monotonic() + TIMING.ttlMs })
      if (how === 'flush') return servers[k]?.flush()
      servers[k]?.kill()
      servers[k]?.start()
    },
    setCut(process, k, isCut) {
      if (isCut) clients.get(process)?.cut(k)
      else clients.get(process)?.heal(k)
    },
    loseReplies: (process, k, times) => clients.get(process)?.loseReplies(k, times),
  }

  function isKept(k: number, process: string): boolean {
    return keeps(k) === process
  }
}
