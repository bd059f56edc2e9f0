import { HttpFailed } from '../../src/net/http.ts'
import type { Generation } from '../../src/observe/observation.ts'
import { generationOf } from '../../src/observe/observation.ts'
import type { ReadControl } from '../../src/vpn/control.ts'
import { createRestartVpn, type RestartVpn } from '../../src/vpn/restart-vpn.ts'
import type { FakeDocker } from './fake-docker.ts'
import type { Random } from './random.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { Effect } from './world-container.ts'

/** What Gluetun in one node truly does, whatever its control server can tell of it. */
export interface Tunnel {
  /** Of the running container; undefined while none runs. */
  generation: Generation | undefined
  /** The tunnel stands by Gluetun's word: it has connected and nobody stopped it. */
  isUp: boolean
  /** The VPN server is gone: nothing passes, whatever Gluetun says; it does not connect anew either. */
  isServerGone: boolean
  /** The port that the provider grants once connected; 0 while it grants none. */
  offered: number
  /** The port that the control server tells now; 0 when none. */
  port: number
  /** Gluetun's one request for a port failed: it shows none until the next connection. */
  isStuck: boolean
  /** Somebody stopped the VPN by its control server, or it crashed; until lifted. */
  halted: 'stopped' | 'crashed' | undefined
  /** The control server does not answer, or refuses: says nothing about the tunnel. */
  control: 'answers' | 'away' | 'refuses'
}

/** Whether packets pass through it: the truth, which no answer of Gluetun tells. */
export const carries = ({ isUp, isServerGone }: Readonly<Tunnel>) => isUp && !isServerGone

/** A change of a tunnel, for judges. */
export interface TunnelChange {
  readonly at: number
  readonly name: string
  readonly tunnel: Readonly<Tunnel>
}

/** A controller's word to a control server. */
export interface Told {
  readonly name: string
  readonly by: string
  readonly status: 'stopped' | 'running'
}

export interface VpnWorldParts {
  readonly docker: FakeDocker
  readonly clock: VirtualClock
  readonly random: Random
  readonly names: readonly string[]
  readonly onChange: (change: TunnelChange) => void
  /** A controller's word has its effect now: right before it. */
  readonly onTold: (told: Told) => void
}

/** ms from a node's start to its tunnel, and from the tunnel to the granted port. */
const CONNECT_MS = [300, 4_000] as const
const GRANT_MS = [100, 3_000] as const
/** ms from the first vain reconnect to Docker's word for it, and from the tunnel's return (measured). */
const UNHEALTHY_MS = [12_000, 15_000] as const
const HEALTHY_MS = 6_000
/** Engines may have called a tunnel dead that carried nothing for so long; until it is tried again the second time, ms (src/vpn/engine-words.ts). */
const CONDEMNED_MS = { after: 40_000, most: 130_000 }

/** The Gluetun containers of a world: what is in the tunnel and what their control servers say. */
export class VpnWorld {
  readonly #parts: VpnWorldParts
  readonly #tunnels = new Map<string, Tunnel>()
  /** Unix ms since which packets pass, by node; absent while they do not. */
  readonly #carriesSince = new Map<string, number>()
  /** Monotonic ms at which its server last went, by node. */
  readonly #goneAt = new Map<string, number>()
  /** Away for everybody: no control server can be reached from the controller. */
  isWayGone = false
  /** Monotonic ms from which on every node that runs has its tunnel and its port. */
  settledAt = 0

  constructor(parts: VpnWorldParts) {
    this.#parts = parts
    for (const name of parts.names) {
      const offered = parts.random.int(40_000, 60_000)
      const closed = { generation: undefined, isUp: false, port: 0 }
      const well = {
        isServerGone: false,
        isStuck: false,
        halted: undefined,
        control: 'answers',
      } as const
      this.#tunnels.set(name, { ...closed, offered, ...well })
    }
  }

  tunnel(name: string): Readonly<Tunnel> {
    const found = this.#tunnels.get(name)
    if (found === undefined) throw new Error(`no VPN node ${name}`)
    return found
  }

  /** Unix ms since which packets pass through the tunnel; undefined while they do not. A container that is none is no hindrance. */
  carriesSince(name: string): number | undefined {
    return this.#tunnels.has(name) ? this.#carriesSince.get(name) : 0
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
    const { isUp, isServerGone, isStuck } = this.tunnel(name)
    this.#set(name, { offered: port, ...(isUp && !isServerGone && !isStuck ? { port } : {}) })
  }

  /** The port goes, and does not come back before the next connection. */
  stick(name: string): void {
    this.#set(name, { isStuck: true, port: 0 })
  }

  /** Gluetun asks for a port after all. */
  unstick(name: string): void {
    const { isStuck, offered } = this.tunnel(name)
    if (!isStuck) return
    this.#set(name, { isStuck: false })
    this.offer(name, offered)
  }

  /**
   * The VPN server goes. Gluetun says that all is well until `noticedMs` later (measured: 103 to 177 s); then it runs
   * on without an address or a port, and Docker calls it unhealthy.
   */
  freeze(name: string, noticedMs: number): void {
    if (this.tunnel(name).isServerGone) return
    this.#set(name, { isServerGone: true })
    this.#goneAt.set(name, this.#parts.clock.monotonic())
    if (noticedMs === 0) this.#reconnectInVain(name)
    else if (noticedMs !== Infinity)
      this.#parts.clock.timer(noticedMs, () => this.#reconnectInVain(name))
  }

  /** The VPN server is back. */
  thaw(name: string): void {
    const { isServerGone, isUp, generation, halted } = this.tunnel(name)
    if (!isServerGone) return
    this.#set(name, { isServerGone: false })
    const now = this.#parts.clock.monotonic()
    const wasCondemned = now - (this.#goneAt.get(name) ?? now) >= CONDEMNED_MS.after
    if (wasCondemned) this.settledAt = now + CONDEMNED_MS.most
    if (!isUp && generation !== undefined && halted === undefined) this.#connect(name)
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
      const isConnecting = !tunnel.isUp && !tunnel.isServerGone
      const status = tunnel.halted ?? (isConnecting ? 'starting' : 'running')
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

  /** One process's way of restarting a VPN: the real one, over control servers that are not. */
  restartVpn(process: SimProcess): RestartVpn {
    const latency = this.#parts.random.fork(`restart ${process.name}`)
    return (target, order, signal) => {
      const { name } = target.node
      const restart = createRestartVpn({
        clock: process.clock,
        readFile: () => Promise.reject(new Error('no file')),
        http: {
          get: () => Promise.reject(new HttpFailed('unreachable', 'not asked')),
          put: async (_, body) => {
            const { status } = JSON.parse(body) as Pick<Told, 'status'>
            const answer = await this.#put({ name, by: process.name, status }, latency)
            await process.clock.sleep(latency.int(1, 5))
            if (answer === undefined) throw new HttpFailed('refused', `${name} refuses connections`)
            return { location: undefined, ...answer }
          },
        },
      })
      return restart(target, order, signal)
    }
  }

  /** What a word does once it has arrived, whatever has become of its sender; undefined when nothing is there. */
  async #put(told: Told, latency: Random) {
    const { docker, clock, onTold } = this.#parts
    const { name, status } = told
    await clock.sleep(latency.int(1, 5))
    const { generation, control, halted, isUp, isServerGone } = this.tunnel(name)
    const isRunning = generation !== undefined && docker.container(name).isReachable
    if (!isRunning || control === 'away' || this.isWayGone) return undefined
    if (control === 'refuses') return { status: 401, body: 'Unauthorized' }
    const outcome = (text: string) => ({ status: 200, body: JSON.stringify({ outcome: text }) })
    const now = halted ?? (isUp || isServerGone ? 'running' : 'starting')
    if (now === (status === 'stopped' ? 'running' : 'stopped')) {
      onTold(told)
      if (status === 'stopped') this.halt(name, 'stopped')
      else this.resume(name)
      return outcome(status)
    }
    return outcome(`already ${now}`)
  }

  #connect(name: string): void {
    const { docker, clock, random } = this.#parts
    const { id, startedAtText } = docker.container(name)
    const generation = generationOf(id, startedAtText)
    this.settledAt = Math.max(this.settledAt, clock.monotonic() + CONNECT_MS[1] + GRANT_MS[1])
    this.#set(name, { ...DOWN, generation, isStuck: false })
    const isStill = () =>
      this.tunnel(name).generation === generation && this.tunnel(name).halted === undefined
    clock.timer(random.int(...CONNECT_MS), () => {
      if (!isStill()) return
      if (this.tunnel(name).isServerGone) return this.#reconnectInVain(name)
      this.#set(name, { isUp: true })
      this.#turns(name, 'healthy', HEALTHY_MS)
      clock.timer(random.int(...GRANT_MS), () => {
        const tunnel = this.tunnel(name)
        if (isStill() && carries(tunnel) && !tunnel.isStuck)
          this.#set(name, { port: tunnel.offered })
      })
    })
  }

  /** Gluetun has noticed that nothing passes, and goes on trying. */
  #reconnectInVain(name: string): void {
    const { isServerGone, generation, halted } = this.tunnel(name)
    if (!isServerGone || generation === undefined || halted !== undefined) return
    this.#set(name, { isUp: false, port: 0 })
    this.#turns(name, 'unhealthy', this.#parts.random.int(...UNHEALTHY_MS))
  }

  /** Docker's health check comes to a word later, if it is still so then. */
  #turns(name: string, health: 'healthy' | 'unhealthy', afterMs: number): void {
    const { docker, clock } = this.#parts
    const { generation } = this.tunnel(name)
    clock.timer(afterMs, () => {
      const { generation: now, isUp, isServerGone } = this.tunnel(name)
      const isStill = now === generation && isUp === (health === 'healthy')
      if (!isStill || (health === 'unhealthy' && !isServerGone)) return
      if (docker.container(name).health !== health) docker.setHealth(name, health)
    })
  }

  #set(name: string, change: Partial<Tunnel>): void {
    const tunnel = { ...this.tunnel(name), ...change }
    const at = this.#parts.clock.now()
    this.#tunnels.set(name, tunnel)
    if (!carries(tunnel)) this.#carriesSince.delete(name)
    else if (!this.#carriesSince.has(name)) this.#carriesSince.set(name, at)
    this.#parts.onChange({ at, name, tunnel })
  }
}

const DOWN = { generation: undefined, isUp: false, port: 0 } as const
