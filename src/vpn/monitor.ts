import type { ControlFailure, ControlReading, Generation } from '../observe/observation.ts'
import type { Clock } from '../time/clock.ts'
import type { ControlTarget, ReadControl } from './control.ts'

/** A VPN node to be polled. */
export interface MonitoredNode extends ControlTarget {
  /** Of the container as last inspected; readings of another generation are dropped. */
  readonly generation: Generation | undefined
  /** Whether a forwarded port is wanted here, so that its absence is worth quick polls. */
  readonly wantsPort: boolean
}

/** Keeps the latest reading of every node's control server. */
export interface VpnMonitor extends AsyncDisposable {
  /** Replaces all nodes. New ones, and those whose generation or address changed, are polled at once. */
  setNodes(nodes: readonly MonitoredNode[]): void
  /**
   * The latest reading while it is fresh, else why there is none. With a generation, only what that one said: a
   * container that was restarted a moment ago is not up because its predecessor was (I10).
   */
  latest(name: string, generation: Generation | undefined): ControlReading | ControlFailure
}

export interface MonitorParts {
  readonly readControl: ReadControl
  readonly clock: Clock
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** Something that matters changed. Only a wake-up: what counts is {@link VpnMonitor.latest}. */
  readonly onChange: (name: string) => void
}

/** Gluetun's handlers take below 1 ms, and a new port is to be used within 10 s (L2); half as much again at most, ms. */
const POLL_MS = 2_000
/** While a node is not up or has no port, ms … */
const QUICK_POLL_MS = 500
/** … but only so long: a node may stay so for days, and Gluetun logs each request, ms. */
const QUICK_FOR_MS = 60_000
/** Three polls: a reading older than this says nothing about now, ms. */
const FRESH_MS = 3 * POLL_MS

type Said = ControlReading | ControlFailure

/** What of an answer may change a decision or a condition. */
function signatureOf(said: Said): string {
  return said.kind === 'reading'
    ? JSON.stringify([said.status, said.publicIp, said.publicIpEnabled, said.ports, said.gaps])
    : // Silence is worded differently from poll to poll, and means the same.
      JSON.stringify([said.kind, said.ports, said.kind === 'unreachable' ? '' : said.message])
}

function isConverged(said: Said, wantsPort: boolean): boolean {
  if (said.kind !== 'reading' || said.status !== 'running') return false
  const hasIp = said.publicIp !== '' || !said.publicIpEnabled
  return hasIp && (!wantsPort || said.ports.length > 0)
}

/** A container that could not be inspected, or is absent for now, is no news of another one. */
function isSameTarget(next: MonitoredNode, polled: MonitoredNode): boolean {
  const isSameContainer =
    next.generation === undefined ||
    (next.generation === polled.generation &&
      next.address === polled.address &&
      next.startedAt === polled.startedAt)
  return (
    isSameContainer &&
    next.node.portFile === polled.node.portFile &&
    JSON.stringify(next.node.control) === JSON.stringify(polled.node.control)
  )
}

/** Polls one node, one request at a time, until closed. A changed target gets a poller of its own. */
class NodePoller implements AsyncDisposable {
  readonly #parts: MonitorParts
  readonly #target: MonitoredNode
  readonly #closed = new AbortController()
  #wantsPort: boolean
  #reading: ControlReading | undefined
  /** By the monotonic clock, for the wall clock may step. */
  #readAt = 0
  #failure: ControlFailure
  #signature = ''
  /** Monotonic ms of the last change, or of the last poll that found the node converged. */
  #quickSince: number
  #timer: Disposable | undefined
  #polling: Promise<void> | undefined

  constructor(parts: MonitorParts, target: MonitoredNode) {
    this.#parts = parts
    this.#target = target
    this.#wantsPort = target.wantsPort
    this.#quickSince = parts.clock.monotonic()
    const message = `The control server of ${target.node.name} has not answered yet`
    this.#failure = { kind: 'unreachable', message, at: parts.clock.now() }
    this.#begin()
  }

  get target(): MonitoredNode {
    return this.#target
  }

  /** Takes over what needs no new poller. */
  setWantsPort(wantsPort: boolean): void {
    this.#wantsPort = wantsPort
  }

  latest(): Said {
    const isFresh = this.#parts.clock.monotonic() - this.#readAt <= FRESH_MS
    return this.#reading !== undefined && isFresh ? this.#reading : this.#failure
  }

  #begin(): void {
    this.#timer = undefined
    this.#polling = this.#poll().finally(() => {
      this.#polling = undefined
      if (!this.#closed.signal.aborted)
        this.#timer = this.#parts.clock.timer(this.#nextDelayMs(), () => this.#begin())
    })
  }

  async #poll(): Promise<void> {
    const { clock, readControl, onChange } = this.#parts
    const begun = clock.monotonic()
    const said = await readControl(this.#target, this.#closed.signal).catch(
      (error: unknown): ControlFailure => ({
        kind: 'unreachable',
        message: `${this.#target.node.name}: ${String(error)}`,
        at: clock.now(),
      }),
    )
    if (this.#closed.signal.aborted) return
    if (said.kind === 'reading') {
      this.#reading = said
      this.#readAt = begun
    } else {
      this.#failure = said
      // A refusal stands until somebody mends it; silence may pass, so the last reading counts while it is fresh.
      if (said.kind !== 'unreachable') this.#reading = undefined
    }
    const signature = signatureOf(this.latest())
    if (signature === this.#signature) return
    this.#signature = signature
    this.#quickSince = clock.monotonic()
    onChange(this.#target.node.name)
  }

  #nextDelayMs(): number {
    const { clock, random } = this.#parts
    const now = clock.monotonic()
    if (isConverged(this.latest(), this.#wantsPort)) this.#quickSince = now
    else if (now - this.#quickSince < QUICK_FOR_MS) return QUICK_POLL_MS * (0.9 + 0.2 * random())
    // Nodes are polled together: waking up costs more than a poll (docs/benchmarks.md).
    const delayMs = POLL_MS - (now % POLL_MS)
    return delayMs < POLL_MS / 2 ? delayMs + POLL_MS : delayMs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('the VPN monitor was closed'))
    this.#timer?.[Symbol.dispose]()
    await this.#polling
  }
}

/** Starts with no nodes. Closing it ends all polls. */
export function startVpnMonitor(parts: MonitorParts): VpnMonitor {
  const pollers = new Map<string, NodePoller>()
  const closing = new Set<Promise<void>>()

  const close = (name: string, poller: NodePoller) => {
    pollers.delete(name)
    const closed: Promise<void> = poller[Symbol.asyncDispose]().finally(() => {
      closing.delete(closed)
    })
    closing.add(closed)
  }
  const unknownNode = (name: string): ControlFailure => ({
    kind: 'unreachable',
    message: `The control server of ${name} was not asked yet`,
    at: parts.clock.now(),
  })

  return {
    setNodes: (nodes) => {
      const wanted = new Map(nodes.map((node) => [node.node.name, node]))
      for (const [name, poller] of pollers) {
        const target = wanted.get(name)
        if (target === undefined || !isSameTarget(target, poller.target)) close(name, poller)
      }
      for (const [name, target] of wanted) {
        const poller = pollers.get(name)
        if (poller === undefined) pollers.set(name, new NodePoller(parts, target))
        else poller.setWantsPort(target.wantsPort)
      }
    },
    latest: (name, generation) => {
      const poller = pollers.get(name)
      const isOther = generation !== undefined && poller?.target.generation !== generation
      return poller === undefined || isOther ? unknownNode(name) : poller.latest()
    },
    [Symbol.asyncDispose]: async () => {
      for (const [name, poller] of pollers) close(name, poller)
      await Promise.all(closing)
    },
  }
}
