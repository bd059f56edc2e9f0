import type { ContainerId } from '../../src/docker/port.ts'
import type { Store } from '../../src/store/store.ts'
import { RESERVATION_TTL_MS } from '../../src/store/store.ts'
import type { EngineWorld } from './engine-world.ts'
import type { FakeDocker } from './fake-docker.ts'
import type { Random } from './random.ts'
import { FLEET } from './sim-fleet.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** A viewer's session on an engine, as the viewer itself knows it. */
export interface Session {
  readonly id: string
  readonly engine: ContainerId
  readonly until: number
  /** Unix ms at which bytes last came. */
  lastBytesAt: number
  /** Unix ms until which the store has promised the place. */
  expiresAt: number
}

export interface ViewersParts {
  readonly store: Store
  readonly docker: FakeDocker
  readonly engines: EngineWorld
  readonly clock: VirtualClock
  readonly random: Random
}

const RENEW_MS = RESERVATION_TTL_MS / 3

/** Gateways in front of the fleet, in short: they claim sessions on published engines, renew and release them. */
export class Viewers {
  readonly #parts: ViewersParts
  readonly #sessions = new Map<string, Session>()
  #count = 0

  constructor(parts: ViewersParts) {
    this.#parts = parts
  }

  /** Sessions on an engine that have not expired. */
  on(engine: ContainerId): readonly Session[] {
    const now = this.#parts.clock.now()
    return [...this.#sessions.values()].filter((s) => s.engine === engine && s.expiresAt > now)
  }

  get count(): number {
    return this.#sessions.size
  }

  /** A new viewer comes. */
  async come(durationMs: number): Promise<void> {
    const { store, clock, random } = this.#parts
    const open = (await store.endpoints(FLEET)).filter((endpoint) => endpoint.ready)
    if (open.length === 0) return
    const { containerId, maxStreams } = random.pick(open)
    const now = clock.now()
    const id = `session-${++this.#count}`
    const session: Session = {
      id,
      engine: containerId,
      until: now + durationMs,
      lastBytesAt: now,
      expiresAt: now,
    }
    if (await this.#renew(session, maxStreams)) this.#sessions.set(id, session)
    else return
    this.#schedule(session, maxStreams)
  }

  /** All go at once. */
  async leave(): Promise<void> {
    for (const id of [...this.#sessions.keys()]) await this.#end(id)
  }

  #schedule(session: Session, maxStreams: number): void {
    this.#parts.clock.timer(RENEW_MS, () => void this.#goOn(session, maxStreams))
  }

  async #goOn(session: Session, maxStreams: number): Promise<void> {
    if (!this.#sessions.has(session.id)) return
    const { clock, docker } = this.#parts
    const engine = docker.world().find(({ id }) => id === session.engine)
    const flows = engine?.isReachable === true
    if (flows) session.lastBytesAt = clock.now()
    const isOver = clock.now() >= session.until || !flows
    if (isOver || !(await this.#renew(session, maxStreams))) await this.#end(session.id)
    else this.#schedule(session, maxStreams)
  }

  async #renew(session: Session, maxStreams: number): Promise<boolean> {
    const { store, clock } = this.#parts
    const { id, engine, lastBytesAt } = session
    const expiresAt = clock.now() + RESERVATION_TTL_MS
    const wanted = { id, containerId: engine, content: id, holder: 'gateway' } as const
    const answer = await store.reserve(
      FLEET,
      { ...wanted, state: 'active', expiresAt, lastBytesAt },
      maxStreams,
      clock.now(),
    )
    if (answer === 'reserved') session.expiresAt = expiresAt
    return answer === 'reserved'
  }

  async #end(id: string): Promise<void> {
    this.#sessions.delete(id)
    await this.#parts.store.release(FLEET, id)
  }
}
