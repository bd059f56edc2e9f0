import { isMutation } from '../../src/docker/answer.ts'
import { SLOT_LABEL } from '../../src/engine/labels.ts'
import type { ControllerRun } from './controller-process.ts'
import { flaws, goalOf } from './converged.ts'
import { TIMING } from './lease-world.ts'
import { isOurs } from './truth.ts'
import type { World } from './world.ts'
import { isAlive } from './world-container.ts'

/** From the end of a leader's right to the first call of the next: an attempt of a standby, a term and a look, ms. */
const TAKE_OVER_MS = 1_000
/** Until all is as it was: an engine's start, and what an old leader does when it wakes up, ms. */
const MENDED_MS = 45_000
/** How long a leader is paused, ms: until well after another leads. */
const PAUSE_MS = [TIMING.ttlMs + 1_000, 3 * TIMING.ttlMs] as const

interface Fall {
  readonly befall: (world: World, leader: ControllerRun) => void
  /** When its right is over at the latest, ms. */
  readonly endsMs: number
  /** When an engine is lost: not before the leader has stopped acting, ms. */
  readonly lossMs: number
}

/** Ways in which a leader stops leading while those who keep the lease are there. */
const FALLS: Readonly<Record<string, Fall>> = {
  dies: { befall: (_, leader) => leader.kill(), endsMs: TIMING.ttlMs, lossMs: 0 },
  'is paused': {
    befall({ clock, random }, { process }) {
      process.pause()
      const first = random.pick(['io', 'timers'] as const)
      clock.timer(random.int(...PAUSE_MS), () => process.resume(first))
    },
    endsMs: TIMING.ttlMs,
    lossMs: 0,
  },
  ends: { befall: (_, leader) => void leader.end(), endsMs: 0, lossMs: 0 },
  'is cut off from the lease servers': {
    befall({ leases }, { process: { name } }) {
      for (const k of leases.servers.keys()) leases.setCut(name, k, true)
    },
    endsMs: TIMING.ttlMs,
    lossMs: TIMING.ttlMs - TIMING.marginMs,
  },
}

/** An engine that is replaced at once when it is gone: its place has not failed before. */
async function dispensable({ docker, store, fleet, clock, random }: World) {
  const { name } = fleet()
  const { backoff } = await store.readFleet(name, clock.now())
  const fit = docker
    .world()
    .filter((each) => isOurs(each, name) && isAlive(each))
    .filter((each) => !backoff.has(each.labels[SLOT_LABEL] ?? ''))
  return fit.length === 0 ? undefined : random.pick(fit)
}

/**
 * In a converged fleet the leader falls and an engine is lost: another one acts within the time that a lease may still
 * stand and a second, and all becomes as it was, though the old one wakes up late.
 */
export async function fellLeader(world: World): Promise<void> {
  const { docker, clock, judge, random, leases, say } = world
  const leader = world.controllers().find(({ process }) => process.name === leases.holder())
  const engine = await dispensable(world)
  if (leader === undefined || engine === undefined) return
  const { name } = leader.process
  const how = random.pick(Object.keys(FALLS))
  const fall = FALLS[how]
  if (fall === undefined) return
  await clock.runUntil(() => false, random.int(0, 3_000))
  say('world', `*** leader ${name} ${how}, and ${engine.name} is lost`)
  const before = docker.calls.length
  const isOver = () => judge.violations.length > 0
  const hasActed = () =>
    docker.calls.slice(before).some(({ by, verb }) => by !== name && isMutation(verb))
  fall.befall(world, leader)
  await clock.runUntil(isOver, fall.lossMs)
  docker.destroy(engine.id)
  const limitMs = fall.endsMs + TAKE_OVER_MS - fall.lossMs
  await clock.runUntil(() => isOver() || hasActed(), limitMs)
  if (isOver()) return
  if (!hasActed())
    return void judge.violations.push(
      `failover: ${name} ${how}, and nobody has acted ${fall.endsMs + TAKE_OVER_MS} ms later`,
    )
  await mend(world, name)
}

async function mend(world: World, fallen: string): Promise<void> {
  const { clock, judge, leases } = world
  const goal = goalOf(world)
  // The old one wakes up meanwhile: what it does then is judged as it happens.
  await clock.runUntil(() => judge.violations.length > 0, PAUSE_MS[1])
  for (const k of leases.servers.keys()) leases.setCut(fallen, k, false)
  const isWhole = () => judge.violations.length > 0 || flaws(goal).length === 0
  if (await clock.runUntil(isWhole, MENDED_MS)) return
  judge.violations.push(`failover: ${flaws(goal).join('; ')} after ${fallen} has fallen`)
}
