import type { Bug } from './bug.ts'
import { twoNodes } from './one-life.ts'
import { makeRandom } from './random.ts'
import { convergeAndRest } from './simulation.ts'
import { BLANK } from './store-world.ts'
import { makeWorld, type World } from './world.ts'
import { isAlive } from './world-container.ts'

/** So long viewers watch, ms. */
const WATCH_MS = 120_000
/** More than one of them takes to claim and to assert. */
const SETTLE_MS = 8_000

/** From one announcement of a replica to the next, and a pass, ms. */
const PUBLISHED_MS = 1_500
/** More than every drain would take that nobody watches, ms. */
const DRAIN_LOOK_MS = 30_000

/** Ways in which a store loses what it knew, or the time in which to hear of it. */
const LOSSES = {
  forgets: ({ memory }: World) => memory.become(BLANK),
  'loses its last second': async ({ memory, viewers, clock }: World) => {
    const copy = memory.copy()
    await viewers.come(WATCH_MS)
    await clock.advance(1_000)
    memory.become(copy)
  },
  'is away for longer than reservations live': async ({ memory, clock }: World) => {
    memory.state = 'refuses'
    await clock.advance(20_000)
    memory.state = 'up'
  },
  'stands still for longer than reservations live': async ({ memory, clock }: World) => {
    memory.state = 'frozen'
    await clock.advance(20_000)
    memory.state = 'up'
  },
  'forgets twice': async ({ memory, clock }: World) => {
    memory.become(BLANK)
    await clock.advance(10_000)
    memory.become(BLANK)
  },
} as const

export type MemoryLoss = keyof typeof LOSSES
export const MEMORY_LOSSES = Object.keys(LOSSES) as readonly MemoryLoss[]

/** How a fleet with viewers on every engine came through. */
export interface Survival {
  readonly violations: readonly string[]
  /** Viewers that watched when the store lost its memory, and of these who still did when drains were over. */
  readonly before: number
  readonly after: number
  /** Whether claims were told of engines within a moment. */
  readonly isPublished: boolean
  readonly trace: readonly string[]
}

async function crowd(world: World): Promise<void> {
  for (let i = 0; i < 12; i++) await world.viewers.come(WATCH_MS)
  await world.clock.advance(SETTLE_MS)
}

/**
 * Two controllers, three engines, viewers on them: the store loses its memory, and `afterMs` later most engines are to
 * go. Drains have time until after the viewers.
 */
export async function loseMemory(how: MemoryLoss, afterMs: number, bug?: Bug): Promise<Survival> {
  const trace: string[] = []
  const { update, ...fleet } = twoNodes()
  await using world = await makeWorld({
    fleet: { ...fleet, replicas: 3, update: { ...update, drainTimeoutMs: 600_000 } },
    random: makeRandom(11),
    say: (who, line) => void trace.push(`${who} ${line}`),
    bug,
    leaseServers: 1,
    size: 2,
  })
  const { clock, docker, viewers, judge } = world
  world.restock()
  await clock.advance(20_000)
  await crowd(world)
  const before = viewers.count
  await LOSSES[how](world)
  let isPublished = false
  const look = async () => {
    isPublished = (await world.store.endpoints(fleet.name)).some(({ ready }) => ready)
  }
  clock.timer(PUBLISHED_MS, () => void look())
  await clock.advance(afterMs)
  world.rule({ ...world.fleet(), replicas: 1 })
  await clock.runUntil(() => judge.violations.length > 0, DRAIN_LOOK_MS)
  const isThere = (id: string) => docker.world().some((each) => each.id === id && isAlive(each))
  const after = viewers.all().filter(({ engine }) => isThere(engine)).length
  if (judge.violations.length === 0) await convergeAndRest(world)
  return { violations: judge.violations, before, after, isPublished, trace }
}
