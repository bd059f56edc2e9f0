import { nextEpoch } from '../../../src/lease/lease.ts'
import { type FakeLeaseClient, makeFakeLeaseServers } from '../fake-lease-servers.ts'
import { makeRandom } from '../random.ts'
import type { SimProcess } from '../sim-process.ts'
import { makeVirtualClock } from '../virtual-clock.ts'
import { judgeLeases } from './judge-leases.ts'
import {
  type LeaseBug,
  type LeaseClient,
  makeMachineClock,
  startLeaseClient,
  TIMING,
} from './lease-client.ts'

export interface LeaseWorldOptions {
  readonly servers: number
  readonly clients: number
  readonly seed: number
  /** Whether at most one client may hold the lease at any instant: servers neither forget nor step their clocks. */
  readonly isExclusive: boolean
  /** Every term leaves a container behind, in the tick in which it begins. */
  readonly labelsAll?: boolean
  readonly bug?: LeaseBug | undefined
}

export type LeaseWorld = ReturnType<typeof makeLeaseWorld>

/** Clients that compete for one lease, the servers that give it, and all that may befall them. */
export function makeLeaseWorld(options: LeaseWorldOptions) {
  const clock = makeVirtualClock()
  const random = makeRandom(options.seed)
  const traffic = random.fork('traffic')
  const world = {
    servers: options.servers,
    latencyMs: 20,
    largestLabel: 0,
    storedEpoch: 0,
    /** By so much servers may keep leases for longer. */
    steppedBackMs: 0,
  }
  const pausesAtSend = new Set<SimProcess>()
  const latencyMs = () => traffic.int(1, world.latencyMs)
  const fakes = makeFakeLeaseServers({
    ...{ clock, count: options.servers, attemptMs: TIMING.attemptMs, latencyMs },
    onSent: (process) => {
      if (pausesAtSend.delete(process)) process.pause()
    },
  })
  const judge = judgeLeases(options.isExclusive)

  const around = {
    async openTerm(process: SimProcess, floor: number, now: number) {
      await process.clock.sleep(latencyMs())
      world.storedEpoch = nextEpoch(world.storedEpoch, floor, Math.ceil(now))
      const epoch = world.storedEpoch
      await process.clock.sleep(latencyMs())
      return epoch
    },
    largestLabel: () => world.largestLabel,
    begun(startedAt: number, epoch: number) {
      if (options.labelsAll) world.largestLabel = Math.max(world.largestLabel, epoch)
      judge.begun({ startedAt, begunAt: clock.monotonic(), epoch })
    },
    monotonic: () => clock.monotonic(),
    failed: judge.failed,
  }

  let started = 0
  function start(): { client: LeaseClient; links: FakeLeaseClient } {
    const process = clock.process(`client-${++started}`)
    const links = fakes.client(process)
    const machine = makeMachineClock(process.clock)
    const chance = random.fork(process.name)
    const client = startLeaseClient({
      ...{ process, machine, around, servers: links, bug: options.bug },
      random: () => chance.next(),
    })
    return { client, links }
  }
  const members = Array.from({ length: options.clients }, start)
  const check = () => judge.look(members.map(({ client }) => client))

  /** Every instant is judged. Whether it came to be before so many ms had passed. */
  async function passUntil(isSo: () => boolean, limitMs: number): Promise<boolean> {
    const came = await clock.runUntil(() => {
      check()
      return isSo()
    }, limitMs)
    check()
    return came
  }

  return {
    world,
    clock,
    fakes,
    members,
    pausesAtSend,
    judge,
    check,
    /** Its process ends without a word, and another one starts in its place. */
    crash(index: number) {
      members[index]?.client.process.kill()
      members[index] = start()
    },
    passUntil,
    /** Time passes, and every instant of it is judged. */
    async pass(ms: number): Promise<void> {
      await passUntil(() => false, ms)
    },
    /** Whether somebody leads before so many ms have passed. */
    leadsWithin: (limitMs: number) =>
      passUntil(
        () =>
          members.some(
            ({ client }) =>
              client.epoch !== undefined && (client.tenures.at(-1)?.remainingMs() ?? 0) > 0,
          ),
        limitMs,
      ),
  }
}
