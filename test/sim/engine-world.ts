import type { ContainerId } from '../../src/docker/port.ts'
import type { Probe, ProbeResult } from '../../src/engine/client.ts'
import type { FakeDocker, WorldContainer } from './fake-docker.ts'
import { ownerOf } from './namespaces.ts'
import type { Random } from './random.ts'
import { IMAGES } from './sim-fleet.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { type Effect, isAlive } from './world-container.ts'

/** What an engine's process does in this run of it. */
export interface EngineRun {
  /** Unix ms of its first good answer; Infinity when it never comes up. */
  readonly readyAt: number
  /** Unix ms since which its API hangs. */
  hungSince: number | undefined
  /** How long it takes to find its network, from its first answer and from the tunnel's return, ms. */
  readonly joinsMs: number
  /** It reaches its network no more, whatever its tunnel does. */
  isCutOff: boolean
}

export interface EngineWorldParts {
  readonly docker: FakeDocker
  readonly clock: VirtualClock
  readonly random: Random
  /** Unix ms since which packets pass through the tunnel of the container with this id; undefined while they do not. */
  readonly carriesSince: (id: string) => number | undefined
}

/** How often engines start badly, as a share of starts. */
export interface EngineWeather {
  readonly dies: number
  readonly isSlow: number
  readonly neverComesUp: number
}

/** Range of {@link EngineRun.joinsMs}: engines are connected again before a minute is over. */
const JOINS_MS = [200, 8_000] as const

const FAIR: EngineWeather = { dies: 0, isSlow: 0, neverComesUp: 0 }

/** The engines' processes of a world, and the way to them. */
export class EngineWorld {
  readonly #parts: EngineWorldParts
  readonly #runs = new Map<ContainerId, EngineRun>()
  weather: EngineWeather = FAIR
  /** Unix ms since which no engine can be reached from the controller. */
  wayGoneSince: number | undefined

  constructor(parts: EngineWorldParts) {
    this.#parts = parts
  }

  run(id: ContainerId): Readonly<EngineRun> | undefined {
    return this.#runs.get(id)
  }

  /** To be told of every effect. */
  onEffect({ verb, container, at }: Effect): void {
    const { docker, clock, random } = this.#parts
    if (verb !== 'start' || !('acefleet.fleet' in container.labels)) return
    const { dies, isSlow, neverComesUp } = this.weather
    const isBad = container.image === IMAGES.bad || random.chance(neverComesUp)
    const delay = random.chance(isSlow) ? random.int(5_000, 40_000) : random.int(50, 2_500)
    const readyAt = isBad ? Infinity : at + delay
    this.#runs.set(container.id, {
      readyAt,
      hungSince: undefined,
      joinsMs: random.int(...JOINS_MS),
      isCutOff: false,
    })
    if (!random.chance(dies)) return
    clock.timer(random.int(10, 20_000), () => {
      if (this.weather.dies === 0) return
      const found = docker.world().find((each) => each.id === container.id)
      if (found?.startedAtText === container.startedAtText && isAlive(found))
        docker.kill(container.id, 1)
    })
  }

  hang(id: ContainerId): void {
    const run = this.#runs.get(id)
    if (run !== undefined) run.hungSince ??= this.#parts.clock.now()
  }

  wake(id: ContainerId): void {
    const run = this.#runs.get(id)
    if (run !== undefined) run.hungSince = undefined
  }

  /** It loses its network, for as long as it runs or until all have theirs again. */
  cutOff(id: ContainerId): void {
    const run = this.#runs.get(id)
    if (run !== undefined) run.isCutOff = true
  }

  /** All that lost their network find it again. */
  joinAll(): void {
    for (const run of this.#runs.values()) run.isCutOff = false
  }

  /** Whether its API gives good answers where engines of the fleet are looked for. */
  answers(container: WorldContainer): boolean {
    const run = this.#runs.get(container.id)
    const isShut =
      ownerOf(container.networkMode) === undefined && container.spec.publish.length === 0
    return (
      container.isReachable &&
      !isShut &&
      run !== undefined &&
      run.hungSince === undefined &&
      this.#parts.clock.now() >= run.readyAt
    )
  }

  /** One process's way to the engines. */
  probe(process: SimProcess): Probe {
    const latency = this.#parts.random.fork(`probe ${process.name}`)
    return async (url, { timeoutMs, signal, asksNetwork }): Promise<ProbeResult> => {
      await process.clock.sleep(latency.int(1, 8), signal)
      const { hostname, port } = new URL(url)
      const engine = this.#at(hostname, port)
      const isSilent = this.wayGoneSince !== undefined
      const run = engine === undefined ? undefined : this.#runs.get(engine.id)
      if (isSilent || run?.hungSince !== undefined) {
        await process.clock.sleep(timeoutMs, signal)
        return { kind: 'failed', message: 'no answer in time', silent: true }
      }
      if (engine !== undefined && this.answers(engine)) {
        const owner = ownerOf(engine.networkMode)
        if (asksNetwork !== true || owner === undefined) return { kind: 'ready' }
        return { kind: 'ready', connected: this.#isConnected(engine, owner) }
      }
      return { kind: 'failed', message: 'connection refused', silent: true }
    }
  }

  /** Whether it reaches its network through the tunnel that it sits behind. */
  #isConnected({ id }: WorldContainer, owner: string): boolean {
    const since = this.#parts.carriesSince(owner)
    const run = this.#runs.get(id)
    if (since === undefined || run === undefined || run.isCutOff) return false
    return this.#parts.clock.now() >= Math.max(since, run.readyAt) + run.joinsMs
  }

  /** Who listens at an address: on the host itself, or in the namespace that has it. */
  #at(hostname: string, port: string): WorldContainer | undefined {
    const all = this.#parts.docker.world()
    const owner = all.find((each) => Object.values(each.addresses).includes(hostname))
    return all.find(
      (each) =>
        each.isReachable &&
        each.labels['acestream.http_port'] === port &&
        (hostname === '127.0.0.1' ? each.spec.publish.length > 0 : each.netns === owner?.netns),
    )
  }
}
