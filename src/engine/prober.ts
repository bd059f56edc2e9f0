import type { ContainerId } from '../docker/port.ts'
import type { EngineHealth } from '../observe/observation.ts'
import type { Clock } from '../time/clock.ts'
import type { Probe, ProbeResult } from './client.ts'
import { afterProbe, unprobed } from './health.ts'
import { ProbedEngine, type ProbeTarget } from './probed-engine.ts'

export type { ProbeTarget } from './probed-engine.ts'

/** Keeps the health of running engines by probing them. */
export interface EngineProber extends AsyncDisposable {
  /** Replaces all targets: new ones are probed at once, missing ones are forgotten, a changed URL starts anew. */
  setTargets(targets: readonly ProbeTarget[]): void
  /** Not ready, without a failure, for an engine that was never probed. */
  health(id: ContainerId): EngineHealth
}

export interface ProberParts {
  readonly probe: Probe
  readonly clock: Clock
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** A verdict changed. Only a wake-up: what counts is {@link EngineProber.health}. */
  readonly onChange: (
    id: ContainerId,
    change: 'ready' | 'unready' | 'connected' | 'disconnected',
  ) => void
  /** Probes under way at once; 32 by default. */
  readonly concurrency?: number | undefined
}

/**
 * When all engines fall silent at once, the way to them is likelier gone than all of them. So long nobody is
 * condemned: it outlasts a reload of firewall rules, a restart of the network or a roused laptop, ms.
 */
const SILENCE_HOLD_MS = 30_000

class Prober implements EngineProber {
  readonly #parts: ProberParts
  readonly #concurrency: number
  readonly #engines = new Map<ContainerId, ProbedEngine>()
  /** Due, but waiting for a free place; first come, first served. */
  readonly #waiting = new Set<ProbedEngine>()
  readonly #running = new Set<Promise<void>>()
  #isClosed = false

  constructor(parts: ProberParts) {
    this.#parts = parts
    this.#concurrency = parts.concurrency ?? 32
  }

  setTargets(targets: readonly ProbeTarget[]): void {
    if (this.#isClosed) return
    const wanted = new Set(targets.map(({ id }) => id))
    for (const [id, engine] of this.#engines) if (!wanted.has(id)) this.#forget(engine)
    for (const target of targets) this.#setTarget(target)
  }

  health(id: ContainerId): EngineHealth {
    return this.#engines.get(id)?.health ?? unprobed(undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    for (const engine of this.#engines.values()) this.#forget(engine)
    await Promise.all(this.#running)
  }

  #forget(engine: ProbedEngine): void {
    engine.close()
    this.#waiting.delete(engine)
    this.#engines.delete(engine.target.id)
  }

  #setTarget(target: ProbeTarget): void {
    const known = this.#engines.get(target.id)
    const firstReadyAt = known?.health.firstReadyAt ?? target.firstReadyAt
    if (known === undefined || known.target.url !== target.url) {
      if (known) this.#forget(known)
      const engine = new ProbedEngine(target, firstReadyAt, this.#parts.clock.monotonic())
      this.#engines.set(target.id, engine)
      this.#enqueue(engine)
      return
    }
    const isQuicker = target.settings.intervalMs < known.target.settings.intervalMs
    const isDoubted = target.network === 'often' && known.target.network !== 'often'
    known.target = target
    if (known.health.firstReadyAt !== firstReadyAt) known.health = { ...known.health, firstReadyAt }
    if (known.timer === undefined) return
    if (isDoubted && known.health.ready) this.#askNow(known)
    else if (isQuicker) this.#schedule(known, false)
  }

  #schedule(engine: ProbedEngine, becameReady: boolean): void {
    const { clock, random } = this.#parts
    engine.timer?.[Symbol.dispose]()
    const delayMs = engine.nextDelayMs(clock.monotonic(), random(), becameReady)
    engine.timer = clock.timer(delayMs, () => {
      engine.timer = undefined
      this.#enqueue(engine)
    })
  }

  #askNow(engine: ProbedEngine): void {
    engine.timer?.[Symbol.dispose]()
    engine.timer = undefined
    this.#enqueue(engine)
  }

  #enqueue(engine: ProbedEngine): void {
    this.#waiting.add(engine)
    this.#fill()
  }

  #fill(): void {
    for (const engine of this.#waiting) {
      if (this.#running.size >= this.#concurrency) return
      this.#waiting.delete(engine)
      const run: Promise<void> = this.#probe(engine).finally(() => {
        this.#running.delete(run)
        this.#fill()
      })
      this.#running.add(run)
    }
  }

  async #probe(engine: ProbedEngine): Promise<void> {
    const { clock, probe, onChange } = this.#parts
    const { url, settings, id } = engine.target
    const { signal } = engine.closed
    engine.begunAt = clock.monotonic()
    // Asked before as well: when the way is back, a probe begun without it still fails after others were heard.
    const wasGeneral = this.#isSilenceGeneral(engine)
    const call = { timeoutMs: settings.timeoutMs, signal, asksNetwork: engine.turnToAsk() }
    const result = await probe(url, call).catch(
      (error: unknown): ProbeResult => ({ kind: 'blind', message: String(error) }),
    )
    if (signal.aborted) return
    const wasReady = engine.health.ready
    const before = engine.health.network?.connected
    const limit = engine.target.settings.failures
    engine.hear(result, clock.monotonic())
    const isHeld =
      (wasGeneral || this.#isSilenceGeneral(engine)) &&
      this.#isSilenceYoung(engine, this.#peersHeardAt(engine) ?? -Infinity)
    engine.health = afterProbe(engine.health, result, limit, isHeld, clock.now())
    const { ready, network } = engine.health
    this.#schedule(engine, ready && !wasReady)
    if (ready !== wasReady) onChange(id, ready ? 'ready' : 'unready')
    if (network !== undefined && network.connected !== before)
      onChange(id, network.connected ? 'connected' : 'disconnected')
  }

  /** Monotonic ms at which anything came back from another engine that once answered; undefined without one. */
  #peersHeardAt(engine: ProbedEngine): number | undefined {
    const peers = [...this.#engines.values()].filter(
      (peer) => peer !== engine && peer.health.firstReadyAt !== undefined,
    )
    return peers.length === 0 ? undefined : Math.max(...peers.map(({ heardAt }) => heardAt))
  }

  /**
   * Whether an engine's silence is not its own: the others that once answered are silent as well. A fleet of one
   * has nobody to compare with.
   */
  #isSilenceGeneral(engine: ProbedEngine): boolean {
    const heardAt = engine.silentSince === undefined ? undefined : this.#peersHeardAt(engine)
    if (heardAt === undefined) return false
    // A peer that is well is heard once per interval.
    const { intervalMs, timeoutMs } = engine.target.settings
    return this.#parts.clock.monotonic() - heardAt > intervalMs + timeoutMs
  }

  /** Whether a general silence, in which the engine's may have begun, is still too young to be believed. */
  #isSilenceYoung({ silentSince }: ProbedEngine, heardAt: number): boolean {
    if (silentSince === undefined) return false
    return this.#parts.clock.monotonic() - Math.max(silentSince, heardAt) < SILENCE_HOLD_MS
  }
}

/** Starts with no targets. Closing it ends all probes. */
export function startProber(parts: ProberParts): EngineProber {
  return new Prober(parts)
}
