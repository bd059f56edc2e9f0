import type { ContainerId } from '../docker/port.ts'
import type { EngineHealth } from '../observe/observation.ts'
import type { EngineSettings } from '../spec/fleet.ts'
import type { ProbeResult } from './client.ts'
import { unprobed } from './health.ts'

/** A running engine to be probed. */
export interface ProbeTarget {
  readonly id: ContainerId
  /** `http://host:port`. */
  readonly url: string
  readonly settings: EngineSettings['health']
  /** As the store remembers it. */
  readonly firstReadyAt?: number | undefined
  /**
   * How often it is asked whether it reaches its network: never, with every {@link NETWORK_EVERY}th probe, or, while
   * something about its network is in doubt, with every probe and at once. Never by default.
   */
  readonly network?: 'never' | 'seldom' | 'often' | undefined
}

/** An engine on its way up is asked this often at first, ms … */
const STARTING_MS = 200
/** … and ever more seldom, so that readiness is seen within a tenth of the time that the start took. */
const STARTING_SHARE = 0.1
/** A probe that took its whole interval is followed by a rest, ms. */
const MIN_REST_MS = 100
/** An undoubted network is asked about with each of so many probes: a second request costs as much as the first. */
export const NETWORK_EVERY = 3
/** Of an interval: probes fall due together at so many instants, since waking up costs more than a probe (measured). */
const INSTANTS = 2
/** One target's timer, probe under way and health. */
export class ProbedEngine {
  target: ProbeTarget
  health: EngineHealth
  readonly closed = new AbortController()
  timer: Disposable | undefined
  /** Monotonic ms. */
  readonly addedAt: number
  begunAt: number
  /** Monotonic ms at which anything at all came back from it. */
  heardAt = -Infinity
  /** Monotonic ms at which the present run of nothing but silence began. */
  silentSince: number | undefined
  /** Probes since it was last asked about its network. */
  #unasked = NETWORK_EVERY

  constructor(target: ProbeTarget, firstReadyAt: number | undefined, now: number) {
    this.target = target
    this.health = unprobed(firstReadyAt)
    this.addedAt = now
    this.begunAt = now
  }

  /** Notes whether anything came back. */
  hear(result: ProbeResult, now: number): void {
    if (result.kind === 'blind') return
    const isSilent = result.kind === 'failed' && result.silent
    if (!isSilent) this.heardAt = now
    this.silentSince = isSilent ? (this.silentSince ?? this.begunAt) : undefined
  }

  /** Whether this probe asks about the network. Before the first good answer nothing may delay that one. */
  turnToAsk(): boolean {
    const { network = 'never' } = this.target
    this.#unasked += 1
    const isTurn = network === 'often' || (network === 'seldom' && this.#unasked >= NETWORK_EVERY)
    if (!this.health.ready || !isTurn) return false
    this.#unasked = 0
    return true
  }

  /** Delay until the next probe, counted from the last one's end. */
  nextDelayMs(now: number, random: number, becameReady: boolean): number {
    const { intervalMs } = this.target.settings
    if (this.health.firstReadyAt === undefined) {
      const startingMs = Math.max(STARTING_MS, (now - this.addedAt) * STARTING_SHARE)
      return Math.min(intervalMs, startingMs)
    }
    // Engines that came up or were adopted together are spread over the interval.
    const share = becameReady ? 0.2 + 0.8 * random : 1
    const gridMs = intervalMs / INSTANTS
    const due = Math.round((this.begunAt + intervalMs * share) / gridMs) * gridMs
    return Math.max(MIN_REST_MS, due - now)
  }

  close(): void {
    this.closed.abort(new Error('the engine is probed no more'))
    this.timer?.[Symbol.dispose]()
  }
}
