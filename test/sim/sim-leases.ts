import { LeaseLost, type LeaseSource, type Tenure } from '../../src/lease/lease.ts'
import type { Network } from './network.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** As DESIGN's: the right lapses unless renewed, and its holder stops short of that. */
const TTL_MS = 6_000
const RENEW_MS = 2_000
const MARGIN_MS = 1_200
/** How often a standby tries, ms. */
const CAMPAIGN_MS = 500

interface Holding {
  readonly holder: SimProcess
  /** Monotonic ms; another may have it after that. */
  expiresAt: number
}

/**
 * The one lease of the one fleet, as a lease server keeps it: whoever runs may renew, a paused holder loses it and is
 * not told. A process that dies gives a file's lock back at once (`isLock`), and a server's lease by its lapse.
 */
export class SimLeases {
  readonly #clock: VirtualClock
  readonly #isLock: boolean
  readonly #network: Network
  #holding: Holding | undefined
  /** The server answers nobody. */
  isAway = false

  constructor(clock: VirtualClock, isLock: boolean, network: Network) {
    this.#clock = clock
    this.#isLock = isLock
    this.#network = network
  }

  /** Whether a process may change the world in this tick, by the server's own record. */
  isHeldBy(name: string): boolean {
    const holding = this.#holding
    return holding?.holder.name === name && this.#clock.monotonic() < holding.expiresAt
  }

  /** Who may change the world in this tick, by the server's own record. */
  holder(): string | undefined {
    const name = this.#holding?.holder.name
    return name !== undefined && this.isHeldBy(name) ? name : undefined
  }

  source(process: SimProcess): LeaseSource {
    return {
      campaign: async (fleet, signal) => {
        while (!this.#take(process)) await process.clock.sleep(CAMPAIGN_MS, signal)
        signal.throwIfAborted()
        return this.#tenure(fleet, process)
      },
    }
  }

  #isReachable({ name }: SimProcess): boolean {
    return !this.isAway && !this.#network.isCut(name, 'leases')
  }

  #isFree(): boolean {
    const holding = this.#holding
    if (holding === undefined) return true
    if (this.#isLock) return holding.holder.state === 'dead'
    return this.#clock.monotonic() >= holding.expiresAt
  }

  #take(process: SimProcess): boolean {
    if (!this.#isReachable(process) || !this.#isFree()) return false
    this.#holding = { holder: process, expiresAt: this.#expiry() }
    return true
  }

  #expiry(): number {
    return this.#isLock ? Infinity : this.#clock.monotonic() + TTL_MS
  }

  #tenure(fleet: string, process: SimProcess): Tenure {
    const lost = new AbortController()
    const { clock } = process
    const holding = this.#holding
    let deadline = this.#isLock ? Infinity : clock.monotonic() + TTL_MS - MARGIN_MS
    let timer: Disposable | undefined
    const lose = (why: string) => {
      timer?.[Symbol.dispose]()
      if (!lost.signal.aborted) lost.abort(new LeaseLost(`fleet ${fleet}: ${why}`))
    }
    const renew = () => {
      if (clock.monotonic() >= deadline) return lose('it lapsed')
      if (this.#holding === holding && holding !== undefined && this.#isReachable(process)) {
        holding.expiresAt = this.#expiry()
        deadline = clock.monotonic() + TTL_MS - MARGIN_MS
      }
      timer = clock.timer(Math.min(RENEW_MS, Math.max(1, deadline - clock.monotonic())), renew)
    }
    if (!this.#isLock) timer = clock.timer(RENEW_MS, renew)
    return {
      fleet,
      lost: lost.signal,
      assertHeld: () => {
        if (clock.monotonic() >= deadline) lose('it lapsed')
        if (lost.signal.aborted) throw lost.signal.reason
      },
      epochFloor: async () => 0,
      witness: async () => true,
      remainingMs: () => (lost.signal.aborted ? 0 : Math.max(0, deadline - clock.monotonic())),
      release: async () => {
        lose('it was given back')
        if (this.#holding === holding && this.#isReachable(process)) this.#holding = undefined
      },
    }
  }
}
