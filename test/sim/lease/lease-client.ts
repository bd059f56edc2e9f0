import { type KeeperParts, servedLeaseSource } from '../../../src/lease/keeper.ts'
import { LeaseLost, type LeaseSource, type Tenure } from '../../../src/lease/lease.ts'
import type { LeaseServers } from '../../../src/lease/servers.ts'
import { openTerm } from '../../../src/lease/term.ts'
import { leaseTiming } from '../../../src/lease/timing.ts'
import { type Clock, makeClock } from '../../../src/time/clock.ts'
import type { SimProcess } from '../sim-process.ts'

export const TIMING = leaseTiming()

/** Between the end of one term and the next campaign, and between attempts to open a term, ms. */
const REST_MS = 200

/** A clock of a machine that may be stepped, and that stands still while the machine is suspended. */
export interface MachineClock {
  readonly clock: Clock
  stepWall(ms: number): void
  /** Its monotonic clock stops, its wall clock does not. */
  suspend(): void
  wake(): void
}

export function makeMachineClock(base: Clock): MachineClock {
  let wallOffsetMs = 0
  let sleptMs = 0
  let sleepsSince: number | undefined
  const asleepMs = () => (sleepsSince === undefined ? 0 : base.monotonic() - sleepsSince)
  return {
    clock: makeClock({
      now: () => base.now() + wallOffsetMs,
      monotonic: () => base.monotonic() - sleptMs - asleepMs(),
      timer: (ms, fire) => base.timer(ms, fire),
    }),
    stepWall: (ms) => {
      wallOffsetMs += ms
    },
    suspend: () => {
      sleepsSince ??= base.monotonic()
    },
    wake: () => {
      sleptMs += asleepMs()
      sleepsSince = undefined
    },
  }
}

/** A keeper that is wrong, in place of ours. */
export type LeaseBug = (parts: KeeperParts) => LeaseSource

/** What clients share. */
export interface Surroundings {
  /** Of the store, as this process reaches it. */
  openTerm(process: SimProcess, floor: number, now: number): Promise<number>
  largestLabel(): number
  /** A term begins: what it was to be above, and its epoch. */
  begun(startedAt: number, epoch: number): void
  monotonic(): number
  failed(error: unknown): void
}

export interface LeaseClientParts {
  readonly process: SimProcess
  readonly machine: MachineClock
  readonly servers: LeaseServers
  readonly random: () => number
  readonly around: Surroundings
  readonly bug?: LeaseBug | undefined
}

/** A controller that does nothing but lead. */
export interface LeaseClient {
  readonly process: SimProcess
  readonly machine: MachineClock
  /** Its tenures, the newest last; the older ones must not come back to life. */
  readonly tenures: readonly Tenure[]
  /** Of the term that it serves; undefined while it serves none. */
  readonly epoch: number | undefined
}

/** How many tenures a client's judge looks back on. */
const KEPT_TENURES = 3

/** Starts one: campaigns, opens terms, serves them until they are lost, for ever. */
export function startLeaseClient(parts: LeaseClientParts): LeaseClient {
  const { process, machine, servers, random, around, bug = servedLeaseSource } = parts
  const { clock } = machine
  const source = bug({ servers, clock, random, timing: TIMING })
  const store = {
    openTerm: async (_: string, __: string, floor: number, now: number) =>
      (await around.openTerm(process, floor, now)) as never,
  }
  let tenures: Tenure[] = []
  let epoch: number | undefined
  let largestSeen = 0

  async function beginTerm(tenure: Tenure): Promise<void> {
    for (;;) {
      const startedAt = around.monotonic()
      try {
        const lease = await openTerm({
          ...{ tenure, store, clock, holder: process.name },
          ...{ largestLabel: around.largestLabel(), largestSeen },
        })
        largestSeen = lease.epoch
        epoch = lease.epoch
        around.begun(startedAt, lease.epoch)
        return
      } catch (error) {
        if (error instanceof LeaseLost) throw error
        await clock.sleep(REST_MS, tenure.lost)
      }
    }
  }

  async function serve(tenure: Tenure): Promise<void> {
    try {
      await beginTerm(tenure)
      await new Promise((_, reject) => {
        if (tenure.lost.aborted) return reject(tenure.lost.reason)
        tenure.lost.addEventListener('abort', () => reject(tenure.lost.reason), { once: true })
      })
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error
    }
    epoch = undefined
    await tenure.release()
  }

  async function live(): Promise<void> {
    for (;;) {
      const tenure = await source.campaign('home', new AbortController().signal)
      tenures = [...tenures, tenure].slice(-KEPT_TENURES)
      await serve(tenure)
      await clock.sleep(REST_MS)
    }
  }

  live().catch((error: unknown) => around.failed(error))
  return {
    process,
    machine,
    get tenures() {
      return tenures
    },
    get epoch() {
      return epoch
    },
  }
}
