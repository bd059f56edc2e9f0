import type { ContainerId } from '../../src/docker/port.ts'
import type { Store } from '../../src/store/store.ts'
import { RESERVATION_TTL_MS } from '../../src/store/store.ts'
import type { FakeDocker, WorldContainer } from './fake-docker.ts'
import type { Random } from './random.ts'
import { FLEET } from './sim-fleet.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** A viewer's session on an engine, as the viewer itself knows it. */
export interface Session {
  readonly id: string
  readonly engine: ContainerId
  readonly maxStreams: number
  /** Unix ms at which it was claimed. */
  readonly since: number
  readonly until: number
  /** Unix ms at which bytes last came. */
  lastBytesAt: number
  /** Unix ms until which the place was promised. Owned by Viewers. */
  promisedUntil: number
}

export interface ViewersParts {
  readonly store: Store
  readonly docker: FakeDocker
  readonly clock: VirtualClock
  readonly random: Random
  /** Whether packets pass to and from an engine's network. */
  readonly carries: (engine: WorldContainer) => boolean
  /** An engine has been promised to more than it has room for (I3). */
  readonly onOverbooked: (engine: ContainerId) => void
  /** A session that runs was refused its place. */
  readonly onTurnedAway: (session: Session, answer: string) => void
}

const RENEW_MS = RESERVATION_TTL_MS / 3
/** How long a claim waits for the engine's first bytes, ms. */
const FIRST_BYTES_MS = [100, 1_500] as const
/** A viewer whose picture stands still for so long goes, ms. */
const STALLED_MS = 30_000
/** So soon a gateway tries again that cannot reach the store, ms. */
const RETRY_MS = 1_000

type Answer = Awaited<ReturnType<Store['reserve']>> | 'away'

/**
 * Gateways in front of the fleet, in short: they claim sessions on published engines, and assert them until they end.
 * What they know of their sessions is the truth, whatever a store has forgotten.
 */
export class Viewers {
  readonly #parts: ViewersParts
  readonly #sessions = new Map<string, Session>()
  #count = 0
  /** Unix ms since which the store answers nobody. */
  #awaySince: number | undefined

  constructor(parts: ViewersParts) {
    this.#parts = parts
  }

  /**
   * Sessions on an engine whose place is promised. While the store is away, and for one reservation lifetime after it
   * came back or forgot, nobody could know that a holder had gone: all count that were promised before.
   */
  on(engine: ContainerId): readonly Session[] {
    const since = this.#awaySince ?? this.#parts.clock.now()
    const isOn = (s: Session) => s.engine === engine && s.promisedUntil > since
    return [...this.#sessions.values()].filter(isOn)
  }

  all(): readonly Session[] {
    return [...this.#sessions.values()]
  }

  get count(): number {
    return this.#sessions.size
  }

  /** Nobody reaches the store any more. */
  storeLeft(): void {
    this.#awaySince ??= this.#parts.clock.now()
  }

  /** It is back, or another one is there. */
  storeReturned(): void {
    const now = this.#parts.clock.now()
    const since = this.#awaySince ?? now
    this.#awaySince = undefined
    for (const session of this.#sessions.values())
      if (session.promisedUntil > since)
        session.promisedUntil = Math.max(session.promisedUntil, now + RESERVATION_TTL_MS)
  }

  /** A new viewer comes. */
  async come(durationMs: number): Promise<void> {
    if (this.#awaySince !== undefined) return
    const { store, clock, random, onOverbooked } = this.#parts
    const open = (await store.endpoints(FLEET)).filter((endpoint) => endpoint.ready)
    if (open.length === 0) return
    const { containerId: engine, maxStreams } = random.pick(open)
    const now = clock.now()
    const id = `session-${++this.#count}`
    const timing = { since: now, until: now + durationMs, lastBytesAt: now, promisedUntil: now }
    const session: Session = { id, engine, maxStreams, ...timing }
    if ((await this.#reserve(session, 'pending')) !== 'reserved') return
    this.#sessions.set(id, session)
    if (this.on(engine).length > maxStreams) onOverbooked(engine)
    this.#goOnIn(random.int(...FIRST_BYTES_MS), session)
  }

  /** All go at once. */
  async leave(): Promise<void> {
    for (const id of [...this.#sessions.keys()]) await this.#end(id)
  }

  #goOnIn(ms: number, session: Session): void {
    this.#parts.clock.timer(ms, () => void this.#goOn(session))
  }

  async #goOn(session: Session): Promise<void> {
    if (!this.#sessions.has(session.id)) return
    const { clock, docker, carries, onTurnedAway } = this.#parts
    const engine = docker.world().find(({ id }) => id === session.engine)
    const isThere = engine?.isReachable === true
    if (isThere && carries(engine)) session.lastBytesAt = clock.now()
    const isStalled = clock.now() - session.lastBytesAt > STALLED_MS
    if (clock.now() >= session.until || !isThere || isStalled) return await this.#end(session.id)
    const wasPromised = this.on(session.engine).includes(session)
    const answer = await this.#reserve(session, 'active')
    if (answer === 'reserved') return this.#goOnIn(RENEW_MS, session)
    if (answer === 'away') return this.#goOnIn(RETRY_MS, session)
    if (wasPromised) onTurnedAway(session, answer)
    await this.#end(session.id)
  }

  async #reserve(session: Session, state: 'pending' | 'active'): Promise<Answer> {
    const { store, clock } = this.#parts
    if (this.#awaySince !== undefined) return 'away'
    const { id, engine, lastBytesAt, maxStreams } = session
    const expiresAt = clock.now() + RESERVATION_TTL_MS
    const answer = await store.reserve(
      FLEET,
      {
        id,
        containerId: engine,
        content: id,
        holder: 'gateway',
        state,
        expiresAt,
        lastBytesAt,
        relay: '',
      },
      maxStreams,
      clock.now(),
    )
    if (answer === 'reserved') session.promisedUntil = Math.max(session.promisedUntil, expiresAt)
    return answer
  }

  async #end(id: string): Promise<void> {
    this.#sessions.delete(id)
    if (this.#awaySince === undefined)
      await this.#parts.store.release(FLEET, id, this.#parts.clock.now())
  }
}
