import type { Bug } from './bug.ts'
import { twoNodes } from './one-life.ts'
import { makeRandom } from './random.ts'
import { setHostClock, setServerClock } from './store-misadventures.ts'
import { makeWorld, type World } from './world.ts'
import { isAlive } from './world-container.ts'

const DRAIN_MS = 600_000
/** Viewers outlast every drain. */
const WATCH_MS = 3 * DRAIN_MS
/** More than one of them takes to claim and to assert. */
const SETTLE_MS = 8_000
/** When the clock is set, after drains have begun, ms. */
const LATER_MS = 30_000
/** What it takes to stop engines whose drain is over, ms. */
const STOP_MS = 30_000

/** Whose clock is set. */
const CLOCKS = {
  "the machine's, with one process and its file": { leaseServers: 0, size: 1, set: setHostClock },
  "the machine's, with all on it": { leaseServers: 1, size: 2, set: setHostClock },
  "the store's server's": { leaseServers: 1, size: 2, set: setServerClock },
} as const

export type WhoseClock = keyof typeof CLOCKS
export const WHOSE_CLOCKS = Object.keys(CLOCKS) as readonly WhoseClock[]

export interface Drained {
  readonly violations: readonly string[]
  /** Engines with viewers that were to go. */
  readonly drained: number
  /** From the first drain's beginning until the last of them had ended, ms; Infinity if that took more than two timeouts. */
  readonly tookMs: number
  readonly trace: readonly string[]
}

const engines = ({ docker, fleet }: World) =>
  docker.world().filter((each) => each.name.startsWith(`${fleet().name}.`) && isAlive(each))

/** A fleet with viewers on every engine gets smaller, a clock is set by `stepMs` during the drains, and then the leader dies. */
export async function setClock(whose: WhoseClock, stepMs: number, bug?: Bug): Promise<Drained> {
  const trace: string[] = []
  const { leaseServers, size, set } = CLOCKS[whose]
  const { update, ...fleet } = twoNodes()
  await using world = await makeWorld({
    fleet: { ...fleet, replicas: 3, update: { ...update, drainTimeoutMs: DRAIN_MS } },
    random: makeRandom(11),
    say: (who, line) => void trace.push(`${who} ${line}`),
    ...{ bug, leaseServers, size },
  })
  const { clock, viewers, judge, leases } = world
  world.restock()
  await clock.advance(20_000)
  for (let i = 0; i < 12; i++) await viewers.come(WATCH_MS)
  await clock.advance(SETTLE_MS)
  const drained = engines(world).filter(({ id }) => viewers.on(id).length > 0).length - 1
  const begunAt = clock.monotonic()
  world.rule({ ...world.fleet(), replicas: 1 })
  await clock.advance(LATER_MS)
  set(world, stepMs)
  await clock.advance(LATER_MS)
  if (leaseServers > 0)
    for (const run of world.controllers()) if (run.process.name === leases.holder()) run.kill()
  const isOver = () => judge.violations.length > 0 || engines(world).length === 1
  const left = 2 * DRAIN_MS + STOP_MS - (clock.monotonic() - begunAt)
  const hasEnded = await clock.runUntil(isOver, left)
  const tookMs = hasEnded ? clock.monotonic() - begunAt : Infinity
  return { violations: judge.violations, drained, tookMs, trace }
}
