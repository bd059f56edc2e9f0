import type { Generation } from '../../src/observe/observation.ts'
import { generationOf } from '../../src/observe/observation.ts'
import type { ReadControl } from '../../src/vpn/control.ts'
import type { FakeDocker } from './fake-docker.ts'
import type { Random } from './random.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { Effect } from './world-container.ts'

/** What Gluetun in one node truly does, whatever its control server can tell of it. */
export interface Tunnel {
  /** Of the running container; undefined while none runs. */
  generation: Generation | undefined
  /** The tunnel stands: it has connected and nobody stopped it. */
  isUp: boolean
  /** The port that the provider grants once connected; 0 while it grants none. */
  offered: number
  /** The port that the control server tells now; 0 when none. */
  port: number
  /** Somebody stopped the VPN by its control server, or it crashed; until lifted. */
  halted: 'stopped' | 'crashed' | undefined
  /** The control server does not answer, or refuses: says nothing about the tunnel. */
  control: 'answers' | 'away' | 'refuses'
}

/** A change of a tunnel, for judges. */
export interface TunnelChange {
  readonly at: number
  readonly name: string
  readonly tunnel: Readonly<Tunnel>
}

export interface VpnWorldParts {
  readonly docker: FakeDocker
  readonly clock: VirtualClock
  readonly random: Random
  readonly names: readonly string[]
  readonly onChange: (change: TunnelChange) => void
}

/** ms from a node's start to its tunnel, and from the tunnel to the granted port. */
const CONNECT_MS = [300, 4_000] as const
const GRANT_MS = [100, 3_000] as const

/** The Gluetun containers of a world: what is in the tunnel and what their control servers say. */
export class VpnWorld {
  readonly #parts: VpnWorldParts
  readonly #tunnels = new Map<string, Tunnel>()
  /** Away for everybody: no control server can be reached from the controller. */
  isWayGone = false
  /** Monotonic ms from which on every node that runs has its tunnel and its port. */
  settledAt = 0

  constructor(parts: VpnWorldParts) {
    this.#parts = parts
    for (const name of parts.names) {
      const offered = parts.random.int(40_000, 60_000)
      const closed = { generation: undefined, isUp: false, port: 0 }
      this.#tunnels.set(name, { ...closed, offered, halted: undefined, control: 'answers' })
    }
  }

  tunnel(name: string): Readonly<Tunnel> {
    const found = this.#tunnels.get(name)
    if (found === undefined) throw new Error(`no VPN node ${name}`)
    return found
  }

  /** Whether packets pass through the tunnel; a container that is none is no hindrance. */
  carries(name: string): boolean {
    return this.#tunnels.get(name)?.isUp ?? true
  }

  /** Puts the containers there. */
  begin(): void {
    for (const name of this.#parts.names)
      this.#parts.docker.place({ name, image: 'gluetun', health: 'healthy' })
  }

  /** To be told of every effect. */
  onEffect({ verb, container }: Effect): void {
    if (!this.#tunnels.has(container.name)) return
    if (verb === 'start') this.#connect(container.name)
    if (verb === 'die' || verb === 'destroy') this.#set(container.name, DOWN)
  }

  setControl(name: string, control: Tunnel['control']): void {
    this.#set(name, { control })
  }

  /** Another port, or 0 for none. */
  offer(name: string, port: number): void {
    const { isUp } = this.tunnel(name)
    this.#set(name, { offered: port, ...(isUp ? { port } : {}) })
  }

  halt(name: string, halted: 'stopped' | 'crashed'): void {
    this.#set(name, { halted, isUp: false, port: 0 })
  }

  /** Lifts a halt. */
  resume(name: string): void {
    if (this.tunnel(name).halted === undefined) return
    this.#set(name, { halted: undefined })
    if (this.tunnel(name).generation !== undefined) this.#connect(name)
  }

  /** One process's way to the control servers. */
  readControl(process: SimProcess): ReadControl {
    const { docker, random } = this.#parts
    const latency = random.fork(`control ${process.name}`)
    return async ({ node: { name } }, signal) => {
      const at = process.clock.now()
      await process.clock.sleep(latency.int(1, 5), signal)
      const tunnel = this.#tunnels.get(name)
      const isRunning = tunnel?.generation !== undefined && docker.container(name).isReachable
      if (tunnel === undefined || !isRunning || tunnel.control === 'away' || this.isWayGone)
        return { kind: 'unreachable', message: `${name} does not answer`, at }
      if (tunnel.control === 'refuses') return { kind: 'refused', message: `${name} refuses`, at }
      const status = tunnel.halted ?? (tunnel.isUp ? 'running' : 'starting')
      return {
        kind: 'reading',
        status,
        publicIp: tunnel.isUp ? '203.0.113.7' : '',
        publicIpEnabled: true,
        ports: tunnel.port === 0 ? [] : [tunnel.port],
        at,
      }
    }
  }

  #connect(name: string): void {
    const { docker, clock, random } = this.#parts
    const { id, startedAtText } = docker.container(name)
    const generation = generationOf(id, startedAtText)
    this.settledAt = clock.monotonic() + CONNECT_MS[1] + GRANT_MS[1]
    this.#set(name, { ...DOWN, generation })
    const isStill = () =>
      this.tunnel(name).generation === generation && this.tunnel(name).halted === undefined
    clock.timer(random.int(...CONNECT_MS), () => {
      if (isStill()) this.#set(name, { isUp: true })
      clock.timer(random.int(...GRANT_MS), () => {
        const { isUp, offered } = this.tunnel(name)
        if (isStill() && isUp) this.#set(name, { port: offered })
      })
    })
  }

  #set(name: string, change: Partial<Tunnel>): void {
    const tunnel = { ...this.tunnel(name), ...change }
    this.#tunnels.set(name, tunnel)
    this.#parts.onChange({ at: this.#parts.clock.now(), name, tunnel })
  }
}

const DOWN = { generation: undefined, isUp: false, port: 0 } as const
